#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>

namespace shmwire::addon {

// Defines a constant property `name`: a typed array of `count` elements over a new
// SharedArrayBuffer. A plain ArrayBuffer could be detached, and the returned pointer would dangle.
// Null, with an exception, on failure.
void* DefineSharedArray(Napi::Object receiver, const char* name, const char* class_name,
                        napi_typedarray_type type, uint32_t count, size_t element_bytes);

}  // namespace shmwire::addon
