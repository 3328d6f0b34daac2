#pragma once

#include <napi.h>

#include "core/status.h"

namespace shmwire::addon {

// The addon throws only through these functions. The library's ThrowAsJavaScriptException ends the
// process if an exception is pending. These do nothing then, or when JavaScript cannot run any
// more: a worker may be terminated at any time, and then most calls of Node-API fail.

// Throws the status as a JavaScript error with `code`, and with `errno` if the system was the
// cause. The message is the context and the system's text. A TypeError for kInvalidArgument. Always
// null, for `return ThrowStatus(…)`.
napi_value ThrowStatus(Napi::Env env, Status status);

// Throws a TypeError with the code for invalid arguments. Always null.
napi_value ThrowArgument(Napi::Env env, const char* message);

// Throws the status unless it is ok. Returns whether it is.
inline bool CheckStatus(Napi::Env env, Status status) {
  if (!status.ok()) ThrowStatus(env, status);
  return status.ok();
}

}  // namespace shmwire::addon
