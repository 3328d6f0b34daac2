#pragma once

#include <napi.h>

namespace shmwire::addon {

// Adds MessagingBinding of src/native/messaging-binding.ts. Not on Windows, where memory has the
// name of one handover, and a writer has one memory for all its readers.
void DefineMessagingExports(Napi::Env env, Napi::Object exports);

}  // namespace shmwire::addon
