#pragma once

#include <napi.h>

#include <span>

namespace shmwire::addon {

// A number that JavaScript reads from the module, so that it is written in one place.
struct Constant {
  const char* name;
  double value;
};

// A failure leaves an exception pending, or the environment is ending. There is nothing to undo.
inline void DefineConstants(Napi::Object exports, std::span<const Constant> constants) {
  for (const auto& [name, value] : constants) exports.Set(name, value);
}

}  // namespace shmwire::addon
