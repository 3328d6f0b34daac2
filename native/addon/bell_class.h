#pragma once

#include <node_api.h>

#include "addon/wrapped.h"
#include "platform/bell.h"

namespace shmwire::addon {

// NativeBell of src/native/binding.ts: both ends of a doorbell in one process.
struct BellObject : Wrapped {
  static constexpr WrappedKind kKind = WrappedKind::kBell;
  static constexpr napi_type_tag kTypeTag = {0x5b07'd1e4'2c98'4a63, 0x8e3f'16a9'70d2'c54b};

  BellObject() : Wrapped{kKind} {}

  void Release(napi_env /*env*/) {}

  platform::Handle own;  // until the event loop has it
  platform::Handle given;
  platform::LentBell lent;
};

// The class, or null and an exception.
napi_value DefineBellClass(napi_env env);

}  // namespace shmwire::addon
