#include "addon/bell_class.h"

#include <utility>

namespace shmwire::addon {

Napi::Function BellObject::Define(Napi::Env env) {
  return Wrapped::Define(env, "Bell",
                         {
                             Method<&BellObject::Lend>("lend"),
                             Method<&BellObject::Ring>("ring"),
                             Method<&BellObject::Close>("close"),
                         });
}

bool BellObject::Initialize(const Napi::CallbackInfo& info) {
  return CheckStatus(info.Env(), platform::MakeBell(&own_, &given_));
}

Napi::Value BellObject::Lend(const Napi::CallbackInfo& info) {
  // The second call would replace the first descriptor.
  if (!own_.valid()) {
    ThrowArgument(info.Env(), "the doorbell is already lent, or closed");
    return {};
  }
  return Napi::Number::New(info.Env(), static_cast<double>(lent_.Lend(std::move(own_))));
}

void BellObject::Ring(const Napi::CallbackInfo& info) {
  CheckStatus(info.Env(), platform::RingBell(given_));
}

void BellObject::Close(const Napi::CallbackInfo& /*info*/) {
  own_.Close();
  given_.Close();
  lent_.Reclaim();
}

}  // namespace shmwire::addon
