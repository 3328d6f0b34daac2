#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>

#include "core/shared_mapping.h"

namespace shmwire::addon {

// Shared memory as an ArrayBuffer, which owns the mapping: JavaScript can transfer it, and then it
// outlives the endpoint. V8 ends the process at a second buffer over the same memory.
class RingMemory {
 public:
  // The buffer over `data`, created by the first call. Undefined if the runtime allows none
  // (Electron), or after it was collected. Empty, with an exception, on failure.
  Napi::Value Expose(Napi::Env env, const SharedMapping& mapping, std::byte* data, uint64_t bytes);
  // Empties every view of the buffer, unless it was transferred or cannot be detached.
  void Detach();
  // Drops the reference; the buffer keeps its bytes and the mapping.
  void Forget() { buffer_.Reset(); }

 private:
  // Weak.
  Napi::Reference<Napi::ArrayBuffer> buffer_;
};

}  // namespace shmwire::addon
