#pragma once

#include <node_api.h>

#include "core/status.h"

namespace shmwire::addon {

// Throws the status as a JavaScript error with `code`, `errno` where the system was the cause, and
// a message of context and the system's text. A TypeError for kInvalidArgument. Always null, for
// `return ThrowStatus(…)`.
//
// Like everything in the addon, silent when JavaScript can run no more: a worker may be terminated
// between any two lines, and then every call of Node-API fails.
napi_value ThrowStatus(napi_env env, Status status);

// Throws a TypeError with the code for wrong arguments. Always null.
napi_value ThrowArgument(napi_env env, const char* message);

}  // namespace shmwire::addon
