#pragma once

// Reads and checks what JavaScript passed. Every Read throws a TypeError and returns false when the
// value is not of its form.
//
// Not the library's conversions: As<>() checks nothing, and its checked form ends the process. What
// the calls of endpoint_calls.cc need is in plain Node-API.

#include <napi.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "platform/handle_inbox.h"
#include "platform/process.h"

namespace shmwire::addon {

// Integers that JavaScript's numbers hold exactly.
inline constexpr uint64_t kSafeIntegerMax = (uint64_t{1} << 53) - 1;

// Of a file or socket.
inline constexpr uint64_t kDescriptorMax = 0x7FFF'FFFF;

// Memory of a Uint8Array, valid until JavaScript runs again.
struct Bytes {
  std::byte* data = nullptr;
  uint64_t count = 0;
};

// How to look while there is nothing.
struct Patience {
  uint64_t spin_nanos = 0;
  bool yield_cpu = false;
};

// The bytes of a path with its terminator. One byte more than a path may have, so that a longer one
// shows.
using Path = std::array<char, 128>;

bool ReadInteger(napi_env env, napi_value value, const char* name, uint64_t min, uint64_t max,
                 uint64_t* integer);
// A number from 0 to `max`, not necessarily whole.
bool ReadNumber(napi_env env, napi_value value, const char* name, double max, double* number);
bool ReadBoolean(napi_env env, napi_value value, const char* name, bool* boolean);
bool ReadPatience(napi_env env, napi_value spin_nanos, napi_value yield_cpu, Patience* patience);
// Refuses a detached buffer, which would look like an empty one.
bool ReadBytes(napi_env env, napi_value value, const char* name, Bytes* bytes);
bool ReadToken(napi_env env, napi_value value, platform::Token* token);
bool ReadPath(napi_env env, napi_value value, const char* name, Path* path);
// Of an options object.
bool ReadIntegerOf(Napi::Value object, const char* name, uint64_t min, uint64_t max,
                   uint64_t* integer);
// `*present` is false for undefined.
bool ReadCredentials(Napi::Value value, bool* present, platform::Credentials* credentials);

}  // namespace shmwire::addon
