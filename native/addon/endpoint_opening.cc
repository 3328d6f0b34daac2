#include "addon/endpoint_opening.h"

#include "addon/arguments.h"
#include "addon/endpoint_class.h"
#include "addon/inbox_class.h"
#include "core/ring_layout.h"

namespace shmwire::addon {

napi_value OfferHandles(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 2> call(env, info);
  Path path;
  platform::Token token;
  if (call.self == nullptr || !ReadPath(env, call.arguments[0], "inboxPath", &path) ||
      !ReadToken(env, call.arguments[1], &token)) {
    return nullptr;
  }
  bool full = false;
  Status status = call.self->endpoint.OfferHandles(path.data(), token, &full);
  return ReturnBoolean(env, status, !full);
}

napi_value AcceptHandles(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 2> call(env, info);
  if (call.self == nullptr) return nullptr;
  auto* inbox = ReadWrapped<InboxObject>(env, call.arguments[0], "inbox must be a HandleInbox");
  platform::Token token;
  if (inbox == nullptr || !ReadToken(env, call.arguments[1], &token)) return nullptr;
  return ReturnNothing(env, call.self->endpoint.AcceptHandles(&inbox->inbox, token));
}

napi_value AttachPeer(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 1> call(env, info);
  bool has_server = false;
  platform::Credentials server;
  if (call.self == nullptr || !ReadCredentials(env, call.arguments[0], &has_server, &server)) {
    return nullptr;
  }
  return ReturnNothing(env, call.self->endpoint.AttachOffered(has_server ? &server : nullptr));
}

napi_value LendBell(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 0> call(env, info);
  if (call.self == nullptr) return nullptr;
  return ReturnNumber(env, static_cast<double>(call.self->endpoint.LendBell()));
}

namespace {

napi_value ThrowNoMemory(napi_env env) {
  return ThrowStatus(env, Status::Error(StatusCode::kClosed, "the endpoint has no memory to show"));
}

}  // namespace

napi_value OwnMemory(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 0> call(env, info);
  if (call.self == nullptr) return nullptr;
  const OwnSegment& own = call.self->endpoint.own();
  // After a close there is none, and before the handover nothing can be claimed.
  if (!own.valid() || !call.self->endpoint.peer().valid()) return ThrowNoMemory(env);
  return call.self->own_memory.Expose(env, own.mapping(), own.data(), own.ring_bytes());
}

napi_value PeerMemory(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 0> call(env, info);
  if (call.self == nullptr) return nullptr;
  const PeerSegment& peer = call.self->endpoint.peer();
  if (!peer.valid()) return ThrowNoMemory(env);
  // Read-only memory all the same: binding.ts says so.
  return call.self->peer_memory.Expose(env, peer.mapping(), const_cast<std::byte*>(peer.data()),
                                       peer.ring_bytes());
}

napi_value CopyFromPeer(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 2> call(env, info);
  uint64_t offset = 0;
  Bytes target;
  if (call.self == nullptr) return nullptr;
  const PeerSegment& peer = call.self->endpoint.peer();
  if (!peer.valid()) return ThrowNoMemory(env);
  if (!ReadInteger(env, call.arguments[0], "offset", 0, peer.ring_bytes(), &offset) ||
      !ReadBytes(env, call.arguments[1], "target", &target)) {
    return nullptr;
  }
  if (target.count > peer.ring_bytes() - offset) {
    return ThrowArgument(env, "target is longer than what lies behind offset");
  }
  CopyPayload(target.data, peer.data() + offset, target.count);
  return nullptr;
}

}  // namespace shmwire::addon
