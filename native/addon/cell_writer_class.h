#pragma once

#include <napi.h>

#include "addon/wrapped.h"
#include "core/cell_publisher.h"

namespace shmwire::addon {

// NativeCellWriter of src/native/messaging-binding.ts.
class CellWriterObject : public Wrapped<CellWriterObject> {
 public:
  static constexpr napi_type_tag kTypeTag = {0xe290'3d5c'81f7'4b16, 0x97ab'c04e'62d8'13f9};

  static Napi::Function Define(Napi::Env env);

  using Wrapped::Wrapped;
  bool Initialize(const Napi::CallbackInfo& info);

  CellPublisher* publisher() { return &publisher_; }

 private:
  // In plain Node-API, as the calls of endpoint_calls.cc.
  static napi_value Set(napi_env env, napi_callback_info info);

  Napi::Value Accept(const Napi::CallbackInfo& info);
  void Detach(const Napi::CallbackInfo& info);
  void Wake(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  CellPublisher publisher_;
  // Memory of the array `results`: see EndpointObject.
  double* results_ = nullptr;
};

}  // namespace shmwire::addon
