#pragma once

// Reads and checks JavaScript's arguments. Each Read throws a TypeError and returns false if the
// value does not have the required form.
//
// It does not use the library's conversions: As<>() checks nothing, and its checked form ends the
// process. The readers for endpoint_calls.cc use plain Node-API.

#include <napi.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/spin_wait.h"
#include "platform/handover_socket.h"
#include "platform/process.h"

namespace shmwire::addon {

// The largest integer up to which JavaScript's numbers are exact.
inline constexpr uint64_t kSafeIntegerMax = (uint64_t{1} << 53) - 1;

// The largest file descriptor.
inline constexpr uint64_t kDescriptorMax = 0x7FFF'FFFF;

// Memory of a Uint8Array, valid until JavaScript runs again.
struct Bytes {
  std::byte* data = nullptr;
  uint64_t count = 0;
};

// The bytes of a path with its terminator, and one byte more, so that a longer path is detected.
using Path = std::array<char, 128>;

bool ReadInteger(napi_env env, napi_value value, const char* name, uint64_t min, uint64_t max,
                 uint64_t* integer);
// A number from 0 to `max`, not necessarily an integer.
bool ReadNumber(napi_env env, napi_value value, const char* name, double max, double* number);
bool ReadBoolean(napi_env env, napi_value value, const char* name, bool* boolean);
bool ReadSpinOptions(napi_env env, napi_value spin_nanos, napi_value yield_cpu,
                     SpinOptions* options);
// Rejects a detached buffer, which has the length of an empty one.
bool ReadBytes(napi_env env, napi_value value, const char* name, Bytes* bytes);
bool ReadToken(napi_env env, napi_value value, platform::Token* token);
bool ReadPath(napi_env env, napi_value value, const char* name, Path* path);
// A property of an options object.
bool ReadIntegerOf(Napi::Value object, const char* name, uint64_t min, uint64_t max,
                   uint64_t* integer);
// `*present` is false for undefined.
bool ReadCredentials(Napi::Value value, bool* present, platform::Credentials* credentials);

}  // namespace shmwire::addon
