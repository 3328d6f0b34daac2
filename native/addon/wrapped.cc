#include "addon/wrapped.h"

namespace shmwire::addon {

bool DefineBoundMethod(Napi::Object receiver, const char* name, napi_callback callback,
                       void* object) {
  const Napi::Env env = receiver.Env();
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, object, &function) != napi_ok) {
    return false;
  }
  // The function keeps the receiver alive, and so `object`. The collector frees such a cycle.
  return DefineConstant({env, function}, "owner", receiver) &&
         DefineConstant(receiver, name, function);
}

bool DefineConstant(Napi::Object object, const char* name, napi_value value) {
  return object.DefineProperty(Napi::PropertyDescriptor::Value(name, value, napi_default))
      .UnwrapOr(false);
}

}  // namespace shmwire::addon
