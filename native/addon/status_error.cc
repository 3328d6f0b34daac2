#include "addon/status_error.h"

#include <cstdio>

#include "platform/process.h"

namespace shmwire::addon {
namespace {

constexpr const char* kInvalidArgumentCode = "ERR_SHMWIRE_INVALID_ARGUMENT";
constexpr size_t kMessageBytesMax = 512;
constexpr size_t kOsTextBytesMax = 128;

// The codes of src/errors.ts.
const char* CodeOf(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      break;
    case StatusCode::kInvalidArgument:
      return kInvalidArgumentCode;
    case StatusCode::kNameInUse:
      return "ERR_SHMWIRE_NAME_IN_USE";
    case StatusCode::kClosed:
      return "ERR_SHMWIRE_CLOSED";
    case StatusCode::kPeerGone:
      return "ERR_SHMWIRE_PEER_GONE";
    case StatusCode::kCorrupt:
      return "ERR_SHMWIRE_CORRUPT";
    case StatusCode::kVersion:
      return "ERR_SHMWIRE_VERSION";
    case StatusCode::kDenied:
      return "ERR_SHMWIRE_DENIED";
    case StatusCode::kMessageTooLarge:
      return "ERR_SHMWIRE_MESSAGE_TOO_LARGE";
    case StatusCode::kOutOfMemory:
      return "ERR_SHMWIRE_OUT_OF_MEMORY";
    case StatusCode::kUnavailable:
      return "ERR_SHMWIRE_UNAVAILABLE";
  }
  return "ERR_SHMWIRE_UNAVAILABLE";
}

}  // namespace

napi_value ThrowStatus(napi_env env, Status status) {
  char text[kMessageBytesMax];
  if (status.os_error() == 0) {
    std::snprintf(text, sizeof(text), "%s", status.context());
  } else {
    char buffer[kOsTextBytesMax];
    std::snprintf(text, sizeof(text), "%s: %s", status.context(),
                  platform::OsErrorText(status.os_error(), buffer, sizeof(buffer)));
  }
  napi_value code;
  napi_value message;
  napi_value error;
  if (napi_create_string_utf8(env, CodeOf(status.code()), NAPI_AUTO_LENGTH, &code) != napi_ok ||
      napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message) != napi_ok) {
    return nullptr;
  }
  auto* const create =
      status.code() == StatusCode::kInvalidArgument ? napi_create_type_error : napi_create_error;
  if (create(env, code, message, &error) != napi_ok) return nullptr;
  if (status.os_error() != 0) {
    napi_value os_error;
    if (napi_create_int32(env, status.os_error(), &os_error) != napi_ok ||
        napi_set_named_property(env, error, "errno", os_error) != napi_ok) {
      return nullptr;
    }
  }
  napi_throw(env, error);
  return nullptr;
}

napi_value ThrowArgument(napi_env env, const char* message) {
  napi_throw_type_error(env, kInvalidArgumentCode, message);
  return nullptr;
}

}  // namespace shmwire::addon
