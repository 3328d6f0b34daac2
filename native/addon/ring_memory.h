#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

#include "core/shared_mapping.h"

namespace shmwire::addon {

// Shared memory as an ArrayBuffer. The buffer is an owner of the mapping: JavaScript can transfer
// it, and then it outlives the endpoint. At most one buffer over the same memory at a time: V8 ends
// the process at a second.
class RingMemory {
 public:
  // The buffer over `data`, made at the first call. Undefined where the runtime allows none
  // (Electron), and once it was collected. Null, and an exception, on failure.
  napi_value Expose(napi_env env, const SharedMapping& mapping, std::byte* data, uint64_t bytes);
  // Every view of the buffer has no bytes from then on. A buffer that was transferred, or cannot be
  // detached, keeps its bytes and the mapping.
  void Detach(napi_env env);
  // Forgets the buffer. Before the object goes.
  void Release(napi_env env);

 private:
  // Weak.
  napi_ref reference_ = nullptr;
};

}  // namespace shmwire::addon
