#pragma once

#include <napi.h>

#include "addon/wrapped.h"
#include "platform/bell.h"

namespace shmwire::addon {

// NativeBell of src/native/binding.ts: both ends of a doorbell in one process.
class BellObject : public Wrapped<BellObject> {
 public:
  static constexpr napi_type_tag kTypeTag = {0x5b07'd1e4'2c98'4a63, 0x8e3f'16a9'70d2'c54b};

  // The class. Empty, and an exception, on failure.
  static Napi::Function Define(Napi::Env env);

  using Wrapped::Wrapped;
  bool Initialize(const Napi::CallbackInfo& info);

 private:
  Napi::Value Lend(const Napi::CallbackInfo& info);
  void Ring(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  platform::Handle own_;  // until the event loop has it
  platform::Handle given_;
  platform::LentBell lent_;
};

}  // namespace shmwire::addon
