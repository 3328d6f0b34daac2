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

Napi::Value RingMemory::Expose(Napi::Env env, const SharedMapping& mapping, std::byte* data,
                               uint64_t bytes) {
  if (!buffer_.IsEmpty()) return buffer_.Value();
  if (!CanRunJavaScript(env)) return {};
  std::unique_ptr<SharedMapping> owner(new (std::nothrow) SharedMapping(mapping));
  if (owner == nullptr) {
    ThrowStatus(env, Status::Error(StatusCode::kOutOfMemory, "no memory for a buffer"));
    return {};
  }
  // Not the library's function: it throws where the runtime allows no such buffer.
  napi_value buffer = nullptr;
  const napi_status made =
      napi_create_external_arraybuffer(env, data, bytes, Finalize, owner.get(), &buffer);
  if (made == napi_no_external_buffers_allowed) return {};
  // The buffer's: where this failed, it may be finalized all the same.
  static_cast<void>(owner.release());
  if (made != napi_ok) return {};
  buffer_ = Napi::Weak(Napi::ArrayBuffer(env, buffer));
  return buffer_.Value();
}

void RingMemory::Detach() {
  // The call's result does not matter; the library's function would throw it.
  if (napi_value buffer = buffer_.Value(); buffer != nullptr) {
    napi_detach_arraybuffer(buffer_.Env(), buffer);
  }
}

}  // namespace shmwire::addon
