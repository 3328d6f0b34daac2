#pragma once

#include <napi.h>

#include "addon/wrapped.h"
#include "core/cell_watcher.h"

namespace shmwire::addon {

// NativeCellReader of src/native/messaging-binding.ts.
class CellReaderObject : public Wrapped<CellReaderObject> {
 public:
  static constexpr napi_type_tag kTypeTag = {0x48b6'f1c2'0e9d'4a73, 0x8c5f'd713'a924'60be};

  static Napi::Function Define(Napi::Env env);

  using Wrapped::Wrapped;
  bool Initialize(const Napi::CallbackInfo& info);

 private:
  // In plain Node-API, as the calls of endpoint_calls.cc.
  static napi_value Get(napi_env env, napi_callback_info info);
  static napi_value Version(napi_env env, napi_callback_info info);
  static napi_value Arm(napi_env env, napi_callback_info info);
  static napi_value Disarm(napi_env env, napi_callback_info info);

  Napi::Value Offer(const Napi::CallbackInfo& info);
  void Attach(const Napi::CallbackInfo& info);
  Napi::Value AttachOwn(const Napi::CallbackInfo& info);
  Napi::Value TransferDoorbell(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  CellWatcher watcher_;
  // Memory of the array `results`: see EndpointObject.
  double* results_ = nullptr;
};

}  // namespace shmwire::addon
