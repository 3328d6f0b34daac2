#include "addon/shared_array.h"

#include "addon/wrapped.h"

namespace shmwire::addon {
namespace {

// `*object = new global[class_name](argument)`. False, with an exception, on failure.
bool Make(Napi::Env env, const char* class_name, napi_value argument, Napi::Object* object) {
  Napi::Value constructor;
  return env.Global().Get(class_name).UnwrapTo(&constructor) &&
         constructor.As<Napi::Function>().New({argument}).UnwrapTo(object);
}

}  // namespace

void* DefineSharedArray(Napi::Object receiver, const char* name, const char* class_name,
                        napi_typedarray_type type, uint32_t count, size_t element_bytes) {
  const Napi::Env env = receiver.Env();
  const Napi::Number bytes = Napi::Number::New(env, static_cast<double>(count * element_bytes));
  Napi::Object buffer;
  Napi::Object array;
  if (!Make(env, "SharedArrayBuffer", bytes, &buffer) || !Make(env, class_name, buffer, &array)) {
    return nullptr;
  }
  napi_typedarray_type actual_type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, array, &actual_type, &length, &data, nullptr, nullptr) !=
          napi_ok ||
      actual_type != type || length != count) {
    ThrowStatus(env, Status::Error(StatusCode::kUnavailable,
                                   "the program replaced a class of typed arrays"));
    return nullptr;
  }
  return DefineConstant(receiver, name, array) ? data : nullptr;
}

}  // namespace shmwire::addon
