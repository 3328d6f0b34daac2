#pragma once

#include <napi.h>

#include "addon/wrapped.h"
#include "platform/handover_socket.h"

namespace shmwire::addon {

// NativeHandoverSocket of src/native/binding.ts.
class HandoverSocketObject : public Wrapped<HandoverSocketObject> {
 public:
  static constexpr napi_type_tag kTypeTag = {0x3f8e'52c7'90b1'4d26, 0x9a61'7e0d'c45b'f813};

  static Napi::Function Define(Napi::Env env);

  using Wrapped::Wrapped;
  bool Initialize(const Napi::CallbackInfo& info);

  platform::HandoverSocket* socket() { return &socket_; }

 private:
  void Expect(const Napi::CallbackInfo& info);
  void Discard(const Napi::CallbackInfo& info);
  Napi::Value Drain(const Napi::CallbackInfo& info);
  Napi::Value Settle(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  platform::HandoverSocket socket_;
};

}  // namespace shmwire::addon
