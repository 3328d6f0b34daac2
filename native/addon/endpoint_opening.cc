#include "addon/endpoint_class.h"
#include "addon/handover_socket_class.h"
#include "core/ring_layout.h"

namespace shmwire::addon {
namespace {

Napi::Value ThrowNoMemory(Napi::Env env) {
  ThrowStatus(env, Status::Error(StatusCode::kClosed, "the endpoint has no mapped memory"));
  return {};
}

}  // namespace

Napi::Value EndpointObject::OfferHandles(const Napi::CallbackInfo& info) {
  Path path;
  platform::Token token;
  bool full = false;
  if (!ReadPath(info.Env(), info[0], "socketPath", &path) ||
      !ReadToken(info.Env(), info[1], &token) ||
      !CheckStatus(info.Env(), endpoint_.OfferHandles(path.data(), token, &full))) {
    return {};
  }
  return Napi::Boolean::New(info.Env(), !full);
}

void EndpointObject::AcceptHandles(const Napi::CallbackInfo& info) {
  auto* object = HandoverSocketObject::Read(info[0], "socket must be a HandoverSocket");
  platform::Token token;
  if (object == nullptr || !ReadToken(info.Env(), info[1], &token)) return;
  CheckStatus(info.Env(), endpoint_.AcceptHandles(object->socket(), token));
}

void EndpointObject::AttachPeer(const Napi::CallbackInfo& info) {
  bool has_server = false;
  platform::Credentials server;
  if (!ReadCredentials(info[0], &has_server, &server)) return;
  CheckStatus(info.Env(), endpoint_.AttachOffered(has_server ? &server : nullptr));
}

Napi::Value EndpointObject::TransferDoorbell(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(endpoint_.TransferDoorbell()));
}

Napi::Value EndpointObject::OwnMemory(const Napi::CallbackInfo& info) {
  const OwnSegment& own = endpoint_.own();
  // There is no memory after a close, and no claim before the handover.
  if (!own.valid() || !endpoint_.peer().valid()) return ThrowNoMemory(info.Env());
  return own_memory_.Expose(info.Env(), own.mapping(), own.data(), own.ring_bytes());
}

Napi::Value EndpointObject::PeerMemory(const Napi::CallbackInfo& info) {
  const PeerSegment& peer = endpoint_.peer();
  if (!peer.valid()) return ThrowNoMemory(info.Env());
  // The memory is still read-only: binding.ts warns of it.
  return peer_memory_.Expose(info.Env(), peer.mapping(), const_cast<std::byte*>(peer.data()),
                             peer.ring_bytes());
}

void EndpointObject::CopyFromPeer(const Napi::CallbackInfo& info) {
  uint64_t offset = 0;
  Bytes target;
  const PeerSegment& peer = endpoint_.peer();
  if (!peer.valid()) {
    ThrowNoMemory(info.Env());
    return;
  }
  if (!ReadInteger(info.Env(), info[0], "offset", 0, peer.ring_bytes(), &offset) ||
      !ReadBytes(info.Env(), info[1], "target", &target)) {
    return;
  }
  if (target.count > peer.ring_bytes() - offset) {
    ThrowArgument(info.Env(), "target is longer than the bytes after offset");
    return;
  }
  CopyPayload(target.data, peer.data() + offset, target.count);
}

}  // namespace shmwire::addon
