#include "addon/ring_memory.h"

#include "addon/wrapped.h"

namespace shmwire::addon {

napi_value RingMemory::Expose(napi_env env, napi_callback_info info, std::byte* data,
                              uint64_t bytes) {
  napi_value buffer = nullptr;
  if (reference_ != nullptr) {
    napi_get_reference_value(env, reference_, &buffer);
    return buffer;
  }
  // The memory is the mapping's; the collector has nothing to free.
  const auto keep = [](napi_env, void*, void*) {};
  const napi_status made =
      napi_create_external_arraybuffer(env, data, bytes, keep, nullptr, &buffer);
  if (made == napi_no_external_buffers_allowed) return nullptr;
  napi_value receiver;
  const bool whole = made == napi_ok && ReadReceiver(env, info, &receiver) &&
                     DefineConstant(env, buffer, "owner", receiver) &&
                     napi_create_reference(env, buffer, 0, &reference_) == napi_ok;
  return whole ? buffer : nullptr;
}

void RingMemory::Detach(napi_env env) {
  napi_value buffer = nullptr;
  if (reference_ == nullptr) return;
  if (napi_get_reference_value(env, reference_, &buffer) == napi_ok && buffer != nullptr) {
    napi_detach_arraybuffer(env, buffer);
  }
  napi_delete_reference(env, reference_);
  reference_ = nullptr;
}

}  // namespace shmwire::addon
