#pragma once

#include <napi.h>

#include "addon/wrapped.h"
#include "platform/handle.h"
#include "platform/windows/windows_api.h"

namespace shmwire::addon {

// NativeDoorbellWatch of src/native/binding.ts. A thread of the system's pool waits for the event
// and queues a call for the event loop, which cannot wait for an event itself.
class DoorbellWatchObject : public Wrapped<DoorbellWatchObject> {
 public:
  static constexpr napi_type_tag kTypeTag = {0xd47b'90e2'1c5a'4f38, 0xa6c3'58f1'0b9e'2d74};

  static Napi::Function Define(Napi::Env env);

  using Wrapped::Wrapped;
  ~DoorbellWatchObject() override { Stop(); }
  bool Initialize(const Napi::CallbackInfo& info);

 private:
  static void CALLBACK Wake(void* self, BOOLEAN timed_out);
  static void EndWithEnvironment(void* self);

  void Close(const Napi::CallbackInfo& info);
  // Idempotent. Afterwards no call runs or is queued.
  void Stop();

  platform::Handle event_;
  HANDLE wait_ = nullptr;
  napi_threadsafe_function wake_ = nullptr;
  napi_env env_ = nullptr;
};

}  // namespace shmwire::addon
