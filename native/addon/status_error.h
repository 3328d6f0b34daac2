#pragma once

#include <napi.h>

#include "core/status.h"

namespace shmwire::addon {

// The addon throws through these functions only. The library's own ThrowAsJavaScriptException ends
// the process if another exception is pending. These are silent then, and when JavaScript can run
// no more: a worker may be terminated between any two lines, and then most calls of Node-API fail.

// Throws the status as a JavaScript error with `code`, `errno` where the system was the cause, and
// a message of context and the system's text. A TypeError for kInvalidArgument. Always null, for
// `return ThrowStatus(…)`.
napi_value ThrowStatus(Napi::Env env, Status status);

// Throws a TypeError with the code for wrong arguments. Always null.
napi_value ThrowArgument(Napi::Env env, const char* message);

// Whether the status is ok. Throws it otherwise.
inline bool CheckStatus(Napi::Env env, Status status) {
  if (!status.ok()) ThrowStatus(env, status);
  return status.ok();
}

}  // namespace shmwire::addon
