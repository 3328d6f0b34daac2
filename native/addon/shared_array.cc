#include "addon/shared_array.h"

#include "addon/wrapped.h"

namespace shmwire::addon {

void* DefineSharedArray(napi_env env, napi_value receiver, const char* name, const char* class_name,
                        napi_typedarray_type type, uint32_t count, size_t element_bytes) {
  napi_value global;
  napi_value buffer_class;
  napi_value array_class;
  napi_value bytes;
  napi_value buffer;
  napi_value array;
  if (napi_get_global(env, &global) != napi_ok ||
      napi_get_named_property(env, global, "SharedArrayBuffer", &buffer_class) != napi_ok ||
      napi_get_named_property(env, global, class_name, &array_class) != napi_ok ||
      napi_create_double(env, static_cast<double>(count * element_bytes), &bytes) != napi_ok ||
      napi_new_instance(env, buffer_class, 1, &bytes, &buffer) != napi_ok ||
      napi_new_instance(env, array_class, 1, &buffer, &array) != napi_ok) {
    return nullptr;
  }
  napi_typedarray_type actual_type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, array, &actual_type, &length, &data, nullptr, nullptr) !=
          napi_ok ||
      actual_type != type || length != count || !DefineConstant(env, receiver, name, array)) {
    return nullptr;
  }
  return data;
}

}  // namespace shmwire::addon
