#include "addon/bell_class.h"

#include <iterator>
#include <new>
#include <utility>

namespace shmwire::addon {
namespace {

napi_value Construct(napi_env env, napi_callback_info info) {
  napi_value receiver;
  napi_value unused;
  if (!ReadConstructorCall(env, info, &receiver, &unused)) return nullptr;
  auto* object = new (std::nothrow) BellObject();
  if (object == nullptr) {
    return ThrowStatus(env, Status::Error(StatusCode::kOutOfMemory, "no memory for a doorbell"));
  }
  if (Status status = platform::MakeBell(&object->own, &object->given); !status.ok()) {
    delete object;
    return ThrowStatus(env, status);
  }
  return Wrap(env, receiver, object) != nullptr ? receiver : nullptr;
}

napi_value Lend(napi_env env, napi_callback_info info) {
  const Call<BellObject, 0> call(env, info);
  if (call.self == nullptr) return nullptr;
  // The second call would replace the first descriptor.
  if (!call.self->own.valid()) return ThrowArgument(env, "the doorbell is already lent, or closed");
  const intptr_t descriptor = call.self->lent.Lend(std::move(call.self->own));
  napi_value result = nullptr;
  napi_create_double(env, static_cast<double>(descriptor), &result);
  return result;
}

napi_value Ring(napi_env env, napi_callback_info info) {
  const Call<BellObject, 0> call(env, info);
  return call.self == nullptr ? nullptr : ReturnNothing(env, RingBell(call.self->given));
}

napi_value Close(napi_env env, napi_callback_info info) {
  const Call<BellObject, 0> call(env, info);
  if (call.self == nullptr) return nullptr;
  call.self->own.Close();
  call.self->given.Close();
  call.self->lent.Reclaim();
  return nullptr;
}

napi_property_descriptor Method(const char* name, napi_callback callback) {
  return {name, nullptr, callback, nullptr, nullptr, nullptr, napi_default_method, nullptr};
}

}  // namespace

napi_value DefineBellClass(napi_env env) {
  const napi_property_descriptor methods[] = {
      Method("lend", Lend),
      Method("ring", Ring),
      Method("close", Close),
  };
  napi_value constructor = nullptr;
  napi_define_class(env, "Bell", NAPI_AUTO_LENGTH, Construct, nullptr, std::size(methods), methods,
                    &constructor);
  return constructor;
}

}  // namespace shmwire::addon
