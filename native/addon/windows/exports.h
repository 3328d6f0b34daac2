#pragma once

#include <napi.h>

namespace shmwire::addon {

// What NativeBinding of src/native/binding.ts has on Windows alone.
void DefineWindowsExports(Napi::Env env, Napi::Object exports);

}  // namespace shmwire::addon
