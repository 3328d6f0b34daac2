#pragma once

#include <napi.h>

#include "addon/wrapped.h"
#include "platform/doorbell.h"

namespace shmwire::addon {

// NativeDoorbell of src/native/binding.ts: both ends of a doorbell in one process.
class DoorbellObject : public Wrapped<DoorbellObject> {
 public:
  static constexpr napi_type_tag kTypeTag = {0x5b07'd1e4'2c98'4a63, 0x8e3f'16a9'70d2'c54b};

  static Napi::Function Define(Napi::Env env);

  using Wrapped::Wrapped;
  bool Initialize(const Napi::CallbackInfo& info);

 private:
  Napi::Value Transfer(const Napi::CallbackInfo& info);
  void Wake(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  platform::Handle own_;  // until its transfer to the event loop
  platform::Handle peer_end_;
  platform::EventLoopDoorbell event_loop_doorbell_;
};

}  // namespace shmwire::addon
