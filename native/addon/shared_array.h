#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>

namespace shmwire::addon {

// A typed array `name` of `count` elements over a fresh SharedArrayBuffer, as a constant property.
// A plain ArrayBuffer could be detached, and our pointer would dangle. Null, and an exception, on
// failure.
void* DefineSharedArray(Napi::Object receiver, const char* name, const char* class_name,
                        napi_typedarray_type type, uint32_t count, size_t element_bytes);

}  // namespace shmwire::addon
