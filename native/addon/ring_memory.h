#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

namespace shmwire::addon {

// Shared memory as an ArrayBuffer. At most one over the same memory: V8 ends the process at a
// second.
class RingMemory {
 public:
  // The buffer over `data`, made at the first call, as a result of the method that was called; it
  // keeps the receiver, and so the mapping. Undefined where the runtime allows none (Electron), and
  // once it was collected. Null, and an exception, on failure.
  napi_value Expose(napi_env env, napi_callback_info info, std::byte* data, uint64_t bytes);
  [[nodiscard]] bool exposed() const { return reference_ != nullptr; }
  // Every view of it has no bytes from then on. Before the memory goes.
  void Detach(napi_env env);

 private:
  // Weak.
  napi_ref reference_ = nullptr;
};

}  // namespace shmwire::addon
