#include "addon/ring_memory.h"

#include <memory>
#include <new>

#include "addon/environment.h"
#include "addon/status_error.h"

namespace shmwire::addon {
namespace {

// The mapping's owner behind a buffer.
struct Share {
  SharedMapping mapping;
  bool is_watching = false;  // a hook reports the end of the environment
  bool has_ended = false;
};

void ObserveEnd(void* share) { static_cast<Share*>(share)->has_ended = true; }

void Finalize(napi_env env, void* /*data*/, void* hint) {
  const std::unique_ptr<Share> share(static_cast<Share*>(hint));
  // Deno calls this when no call of Node-API is possible any more.
  if (share->is_watching && !share->has_ended) {
    napi_remove_env_cleanup_hook(env, ObserveEnd, share.get());
  }
  // An ending environment also finalizes buffers whose memory another thread got and still uses.
  if (share->has_ended || !CanRunJavaScript(env)) share->mapping.KeepAddresses();
}

}  // namespace

Napi::Value RingMemory::Expose(Napi::Env env, const SharedMapping& mapping, std::byte* data,
                               uint64_t bytes) {
  if (!buffer_.IsEmpty()) return buffer_.Value();
  if (!CanRunJavaScript(env)) return {};
  std::unique_ptr<Share> owned(new (std::nothrow) Share{mapping});
  if (owned == nullptr) {
    ThrowStatus(env, Status::Error(StatusCode::kOutOfMemory, "no memory for a buffer"));
    return {};
  }
  // Not the library's function, which throws where the runtime allows no such buffer.
  napi_value buffer = nullptr;
  const napi_status made =
      napi_create_external_arraybuffer(env, data, bytes, Finalize, owned.get(), &buffer);
  if (made == napi_no_external_buffers_allowed) return {};
  // Owned by the buffer: even if this call failed, the runtime may finalize it.
  Share* share = owned.release();
  if (made != napi_ok) return {};
  // Hooks run in reverse order: this one before the runtime's own, which finalizes the buffer.
  share->is_watching = napi_add_env_cleanup_hook(env, ObserveEnd, share) == napi_ok;
  buffer_ = Napi::Weak(Napi::ArrayBuffer(env, buffer));
  return buffer_.Value();
}

void RingMemory::Detach() {
  // A failure has no consequence, and the library's function would throw it.
  if (napi_value buffer = buffer_.Value(); buffer != nullptr) {
    napi_detach_arraybuffer(buffer_.Env(), buffer);
  }
}

}  // namespace shmwire::addon
