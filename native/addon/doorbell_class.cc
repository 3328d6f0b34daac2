#include "addon/doorbell_class.h"

#include <utility>

namespace shmwire::addon {

Napi::Function DoorbellObject::Define(Napi::Env env) {
  return Wrapped::Define(env, "Doorbell",
                         {
                             Method<&DoorbellObject::Transfer>("transfer"),
                             Method<&DoorbellObject::Wake>("wake"),
                             Method<&DoorbellObject::Close>("close"),
                         });
}

bool DoorbellObject::Initialize(const Napi::CallbackInfo& info) {
  return CheckStatus(info.Env(), platform::MakeDoorbell(&own_, &peer_end_));
}

Napi::Value DoorbellObject::Transfer(const Napi::CallbackInfo& info) {
  // A second transfer would replace the first descriptor.
  if (!own_.valid()) {
    ThrowArgument(info.Env(), "the doorbell was already transferred, or is closed");
    return {};
  }
  return Napi::Number::New(info.Env(),
                           static_cast<double>(event_loop_doorbell_.Transfer(std::move(own_))));
}

void DoorbellObject::Wake(const Napi::CallbackInfo& info) {
  CheckStatus(info.Env(), platform::WakeThroughDoorbell(peer_end_));
}

void DoorbellObject::Close(const Napi::CallbackInfo& /*info*/) {
  own_.Close();
  peer_end_.Close();
  event_loop_doorbell_.Reclaim();
}

}  // namespace shmwire::addon
