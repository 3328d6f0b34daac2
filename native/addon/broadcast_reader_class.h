#pragma once

#include <napi.h>

#include <cstdint>
#include <optional>

#include "addon/wrapped.h"
#include "core/broadcast_subscriber.h"

namespace shmwire::addon {

// NativeBroadcastReader of src/native/messaging-binding.ts.
class BroadcastReaderObject : public Wrapped<BroadcastReaderObject> {
 public:
  static constexpr napi_type_tag kTypeTag = {0x15a8'c7f3'd96b'4e02, 0xbd47'20f8'5e31'a96c};

  static Napi::Function Define(Napi::Env env);

  using Wrapped::Wrapped;
  bool Initialize(const Napi::CallbackInfo& info);

 private:
  // In plain Node-API, as the calls of endpoint_calls.cc.
  static napi_value Receive(napi_env env, napi_callback_info info);
  static napi_value Arm(napi_env env, napi_callback_info info);
  static napi_value Disarm(napi_env env, napi_callback_info info);

  Napi::Value Offer(const Napi::CallbackInfo& info);
  void Attach(const Napi::CallbackInfo& info);
  Napi::Value AttachOwn(const Napi::CallbackInfo& info);
  Napi::Value TransferDoorbell(const Napi::CallbackInfo& info);
  Napi::Value Seek(const Napi::CallbackInfo& info);
  void Stop(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  // Exists if Initialize has succeeded.
  std::optional<BroadcastSubscriber> subscriber_;
  // Memory of the arrays: see EndpointObject.
  BroadcastDescriptor* descriptors_ = nullptr;
  uint32_t descriptors_max_ = 0;
  double* results_ = nullptr;
};

}  // namespace shmwire::addon
