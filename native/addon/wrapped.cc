#include "addon/wrapped.h"

namespace shmwire::addon {

bool DefineBoundMethod(napi_env env, napi_value receiver, const char* name, napi_callback callback,
                       Wrapped* object) {
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, object, &function) != napi_ok) {
    return false;
  }
  // Who has the function has the receiver, and so keeps `object`: neither property can be changed.
  // The two hold each other, which the collector sees through.
  return DefineConstant(env, function, "owner", receiver) &&
         DefineConstant(env, receiver, name, function);
}

bool DefineConstant(napi_env env, napi_value object, const char* name, napi_value value) {
  const napi_property_descriptor property = {name,    nullptr, nullptr,      nullptr,
                                             nullptr, value,   napi_default, nullptr};
  return napi_define_properties(env, object, 1, &property) == napi_ok;
}

bool ReadConstructorCall(napi_env env, napi_callback_info info, napi_value* receiver,
                         napi_value* argument) {
  napi_value new_target = nullptr;
  size_t count = 1;
  if (napi_get_new_target(env, info, &new_target) != napi_ok ||
      napi_get_cb_info(env, info, &count, argument, receiver, nullptr) != napi_ok) {
    return false;
  }
  if (new_target != nullptr) return true;
  ThrowArgument(env, "the class must be called with new");
  return false;
}

napi_value ReturnBoolean(napi_env env, Status status, bool value) {
  if (!status.ok()) return ThrowStatus(env, status);
  napi_value result = nullptr;
  return napi_get_boolean(env, value, &result) == napi_ok ? result : nullptr;
}

napi_value ReturnNumber(napi_env env, double value) {
  napi_value result = nullptr;
  napi_create_double(env, value, &result);
  return result;
}

}  // namespace shmwire::addon
