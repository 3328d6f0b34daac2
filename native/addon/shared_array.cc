#include "addon/shared_array.h"

#include "addon/wrapped.h"

namespace shmwire::addon {
namespace {

// `new global[class_name](argument)`. Empty, with an exception, on failure.
Napi::Object Make(Napi::Env env, const char* class_name, napi_value argument) {
  return env.Global().Get(class_name).As<Napi::Function>().New({argument});
}

}  // namespace

void* DefineSharedArray(Napi::Object receiver, const char* name, const char* class_name,
                        napi_typedarray_type type, uint32_t count, size_t element_bytes) {
  const Napi::Env env = receiver.Env();
  const Napi::Object buffer = Make(
      env, "SharedArrayBuffer", Napi::Number::New(env, static_cast<double>(count * element_bytes)));
  if (buffer.IsEmpty()) return nullptr;
  const Napi::Object array = Make(env, class_name, buffer);
  if (array.IsEmpty()) return nullptr;
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
