#pragma once

#include <napi.h>

#include "addon/wrapped.h"
#include "core/broadcast_publisher.h"

namespace shmwire::addon {

// NativeBroadcastWriter of src/native/messaging-binding.ts.
class BroadcastWriterObject : public Wrapped<BroadcastWriterObject> {
 public:
  static constexpr napi_type_tag kTypeTag = {0x7ce1'90d4'3b52'4f8a, 0xa1d0'66e7'18c9'3f25};

  static Napi::Function Define(Napi::Env env);

  using Wrapped::Wrapped;
  bool Initialize(const Napi::CallbackInfo& info);

  BroadcastPublisher* publisher() { return &publisher_; }

 private:
  // In plain Node-API, as the calls of endpoint_calls.cc.
  static napi_value Publish(napi_env env, napi_callback_info info);

  Napi::Value Accept(const Napi::CallbackInfo& info);
  void Detach(const Napi::CallbackInfo& info);
  void Wake(const Napi::CallbackInfo& info);
  Napi::Value Slowest(const Napi::CallbackInfo& info);
  Napi::Value ArmForRoom(const Napi::CallbackInfo& info);
  void DisarmForRoom(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);
  void ReportViolator();

  BroadcastPublisher publisher_;
  // Memory of the array `results`: see EndpointObject.
  double* results_ = nullptr;
};

}  // namespace shmwire::addon
