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

napi_value Throw(const Napi::Error& error, const char* code, int32_t os_error = 0) {
  if (!error.IsEmpty() && error.Set("code", code).UnwrapOr(false) &&
      (os_error == 0 ||
       error.Set("errno", Napi::Number::New(error.Env(), os_error)).UnwrapOr(false))) {
    napi_throw(error.Env(), error.Value());
  }
  return nullptr;
}

}  // namespace

napi_value ThrowStatus(Napi::Env env, Status status) {
  char text[kMessageBytesMax];
  if (status.os_error() == 0) {
    std::snprintf(text, sizeof(text), "%s", status.context());
  } else {
    char buffer[kOsTextBytesMax];
    std::snprintf(text, sizeof(text), "%s: %s", status.context(),
                  platform::OsErrorText(status.os_error(), buffer, sizeof(buffer)));
  }
  const bool is_argument = status.code() == StatusCode::kInvalidArgument;
  return Throw(is_argument ? Napi::TypeError::New(env, text) : Napi::Error::New(env, text),
               CodeOf(status.code()), status.os_error());
}

napi_value ThrowArgument(Napi::Env env, const char* message) {
  return Throw(Napi::TypeError::New(env, message), kInvalidArgumentCode);
}

}  // namespace shmwire::addon
