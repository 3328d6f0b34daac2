#include "addon/ring_memory.h"

#include <memory>
#include <new>

#include "addon/status_error.h"

namespace shmwire::addon {
namespace {

// False while the environment is torn down.
bool CanRunJavaScript(napi_env env) {
  napi_value global = nullptr;
  bool ignored = false;
  return napi_get_global(env, &global) == napi_ok &&
         napi_has_named_property(env, global, "Object", &ignored) == napi_ok;
}

void Finalize(napi_env env, void* /*data*/, void* hint) {
  const std::unique_ptr<SharedMapping> owner(static_cast<SharedMapping*>(hint));
  // An environment that ends finalizes every buffer, also one whose memory was transferred to
  // another thread, which goes on to use it.
  if (!CanRunJavaScript(env)) owner->KeepAddresses();
}

}  // namespace

napi_value RingMemory::Expose(napi_env env, const SharedMapping& mapping, std::byte* data,
                              uint64_t bytes) {
  napi_value buffer = nullptr;
  if (reference_ != nullptr) {
    napi_get_reference_value(env, reference_, &buffer);
    return buffer;
  }
  if (!CanRunJavaScript(env)) return nullptr;
  std::unique_ptr<SharedMapping> owner(new (std::nothrow) SharedMapping(mapping));
  if (owner == nullptr) {
    return ThrowStatus(env, Status::Error(StatusCode::kOutOfMemory, "no memory for a buffer"));
  }
  const napi_status made =
      napi_create_external_arraybuffer(env, data, bytes, Finalize, owner.get(), &buffer);
  if (made == napi_no_external_buffers_allowed) return nullptr;
  // The buffer's: where this failed, it may be finalized all the same.
  static_cast<void>(owner.release());
  return made == napi_ok && napi_create_reference(env, buffer, 0, &reference_) == napi_ok ? buffer
                                                                                          : nullptr;
}

void RingMemory::Detach(napi_env env) {
  napi_value buffer = nullptr;
  if (reference_ == nullptr) return;
  if (napi_get_reference_value(env, reference_, &buffer) == napi_ok && buffer != nullptr) {
    napi_detach_arraybuffer(env, buffer);
  }
}

void RingMemory::Release(napi_env env) {
  if (reference_ == nullptr) return;
  napi_delete_reference(env, reference_);
  reference_ = nullptr;
}

}  // namespace shmwire::addon
