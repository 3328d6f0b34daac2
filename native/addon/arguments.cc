#include "addon/arguments.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <limits>

#include "addon/status_error.h"

namespace shmwire::addon {
namespace {

constexpr size_t kMessageBytesMax = 256;

// A longer spin would block the event loop.
constexpr double kSpinNanosMax = 1e9;

template <typename... Values>
bool Refuse(napi_env env, const char* format, Values... values) {
  char message[kMessageBytesMax];
  std::snprintf(message, sizeof(message), format, values...);
  ThrowArgument(env, message);
  return false;
}

bool IsDetached(napi_env env, napi_value typed_array) {
  napi_value buffer;
  bool detached = false;
  return napi_get_typedarray_info(env, typed_array, nullptr, nullptr, nullptr, &buffer, nullptr) !=
             napi_ok ||
         napi_is_detached_arraybuffer(env, buffer, &detached) != napi_ok || detached;
}

}  // namespace

bool ReadInteger(napi_env env, napi_value value, const char* name, uint64_t min, uint64_t max,
                 uint64_t* integer) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok) {
    return Refuse(env, "%s must be an integer from %" PRIu64 " to %" PRIu64, name, min, max);
  }
  // Converts through a signed type, which takes one instruction. That conversion is undefined for
  // NaN and for values out of range, so the first comparison excludes them.
  if (number >= 0 && number <= static_cast<double>(kSafeIntegerMax)) {
    const auto whole = static_cast<int64_t>(number);
    *integer = static_cast<uint64_t>(whole);
    if (static_cast<double>(whole) == number && *integer >= min && *integer <= max) return true;
  }
  return Refuse(env, "%s is %.17g; it must be an integer from %" PRIu64 " to %" PRIu64, name,
                number, min, max);
}

bool ReadNumber(napi_env env, napi_value value, const char* name, double max, double* number) {
  if (napi_get_value_double(env, value, number) != napi_ok) {
    return Refuse(env, "%s must be a number from 0 to %.17g", name, max);
  }
  if (!(*number >= 0 && *number <= max)) {
    return Refuse(env, "%s is %.17g; it must be a number from 0 to %.17g", name, *number, max);
  }
  return true;
}

bool ReadBoolean(napi_env env, napi_value value, const char* name, bool* boolean) {
  if (napi_get_value_bool(env, value, boolean) == napi_ok) return true;
  return Refuse(env, "%s must be a boolean", name);
}

bool ReadSpinOptions(napi_env env, napi_value spin_nanos, napi_value yield_cpu,
                     SpinOptions* options) {
  double nanos = 0;
  if (!ReadNumber(env, spin_nanos, "spinNanos", kSpinNanosMax, &nanos)) return false;
  options->spin_nanos = static_cast<uint64_t>(nanos);
  return ReadBoolean(env, yield_cpu, "yieldCpu", &options->yield_cpu);
}

bool ReadBytes(napi_env env, napi_value value, const char* name, Bytes* bytes) {
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    return Refuse(env, "%s must be a Uint8Array", name);
  }
  if (length == 0 && IsDetached(env, value)) {
    return Refuse(env, "%s is a view of a detached buffer", name);
  }
  *bytes = {static_cast<std::byte*>(data), length};
  return true;
}

bool ReadToken(napi_env env, napi_value value, platform::Token* token) {
  Bytes bytes;
  if (!ReadBytes(env, value, "token", &bytes)) return false;
  if (bytes.count != token->size()) {
    return Refuse(env, "token has %" PRIu64 " bytes; it must have %zu", bytes.count, token->size());
  }
  std::memcpy(token->data(), bytes.data, token->size());
  return true;
}

bool ReadPath(napi_env env, napi_value value, const char* name, Path* path) {
  size_t count = 0;
  if (napi_get_value_string_utf8(env, value, path->data(), path->size(), &count) != napi_ok) {
    return Refuse(env, "%s must be a string", name);
  }
  if (std::strlen(path->data()) != count) return Refuse(env, "%s contains a zero byte", name);
  return true;
}

bool ReadIntegerOf(Napi::Value object, const char* name, uint64_t min, uint64_t max,
                   uint64_t* integer) {
  const Napi::Env env = object.Env();
  if (!object.IsObject()) return Refuse(env, "the argument must be an object with %s", name);
  Napi::Value value;
  // Nothing if a getter threw: its exception is pending.
  return object.As<Napi::Object>().Get(name).UnwrapTo(&value) &&
         ReadInteger(env, value, name, min, max, integer);
}

bool ReadCredentials(Napi::Value value, bool* present, platform::Credentials* credentials) {
  constexpr uint64_t kMax = std::numeric_limits<uint32_t>::max();
  *present = !value.IsUndefined();
  if (!*present) return true;
  uint64_t pid = 0;
  uint64_t uid = 0;
  uint64_t gid = 0;
  if (!ReadIntegerOf(value, "pid", 0, kMax, &pid) || !ReadIntegerOf(value, "uid", 0, kMax, &uid) ||
      !ReadIntegerOf(value, "gid", 0, kMax, &gid)) {
    return false;
  }
  *credentials = {static_cast<uint32_t>(pid), static_cast<uint32_t>(uid),
                  static_cast<uint32_t>(gid)};
  return true;
}

}  // namespace shmwire::addon
