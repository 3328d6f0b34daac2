#pragma once

#include <napi.h>

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
  // (Electron), and once it was collected. Empty, and an exception, on failure.
  Napi::Value Expose(Napi::Env env, const SharedMapping& mapping, std::byte* data, uint64_t bytes);
  // Every view of the buffer has no bytes from then on. A buffer that was transferred, or cannot be
  // detached, keeps its bytes and the mapping.
  void Detach();
  // Forgets the buffer, which keeps its bytes and the mapping.
  void Forget() { buffer_.Reset(); }

 private:
  // Weak.
  Napi::Reference<Napi::ArrayBuffer> buffer_;
};

}  // namespace shmwire::addon
