#pragma once

#include <napi.h>

namespace shmwire::addon {

// Gives the environment its pool of memory for long messages, and defines the functions of
// NativeBinding that use it.
void DefineMessageMemory(Napi::Env env, Napi::Object exports);

}  // namespace shmwire::addon
