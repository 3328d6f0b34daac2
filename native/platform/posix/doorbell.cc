#include "platform/doorbell.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "platform/posix/local_socket.h"
#include "platform/queued_handles.h"

namespace shmwire::platform {
namespace {

int Native(const Handle& handle) { return static_cast<int>(handle.native()); }

}  // namespace

Status MakeDoorbell(Handle* own, Handle* peer_end, const MemoryId& /*id*/) {
  int ends[2];
  // A stream, because libuv watches no other kind of pair.
  if (!MakeLocalSocketPair(ends)) {
    return Status::Error(StatusCode::kOutOfMemory, "cannot create a doorbell (socketpair)", errno);
  }
  *own = Handle(ends[0], Closing::kOwnElsewhere);
  *peer_end = Handle(ends[1]);
  if (const int os_error = NameSenders(ends[0]); os_error != 0) {
    return Status::Error(StatusCode::kOutOfMemory, "cannot create a doorbell (SO_PASSCRED)",
                         os_error);
  }
  return {};
}

Status RefuseHandles(Handle* own) {
  const bool stopped = StopHandles(own->native());
  if (MayHoldHandles(own->native())) {
    return Status::Error(StatusCode::kCorrupt,
                         "the peer sent unexpected descriptors to the doorbell");
  }
  if (stopped) own->CloseHere();
  return {};
}

Status CheckDoorbell(const Handle& doorbell, const Credentials& peer) {
  // Only Unix sockets carry descriptors, and MSG_DONTWAIT makes only sockets ignore their owner's
  // flags.
  if (!IsLocalStream(Native(doorbell))) {
    return Status::Error(StatusCode::kCorrupt, "the peer's doorbell is not a Unix stream socket");
  }
  // Both ends of a pair name the process that created it.
  Credentials maker;
  const bool known = PeerCredentials(doorbell.native(), &maker).ok();
  if (!known || !NameSameProcess(maker, peer)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's doorbell was not created by the peer");
  }
  // This end is never read. After the shutdown its queue stays empty, so closing it does not block.
  if (!StopReceiving(Native(doorbell)) || MayHoldHandles(doorbell.native())) {
    return Status::Error(StatusCode::kCorrupt, "the peer's doorbell holds descriptors");
  }
  PrepareToSend(Native(doorbell));
  return {};
}

Status WakeThroughDoorbell(const Handle& doorbell) {
  const char wake_up = 0;
  if (send(Native(doorbell), &wake_up, sizeof(wake_up), kSendFlags) > 0) return {};
  switch (errno) {
    case EAGAIN:
    case EPIPE:
    case ECONNRESET:
      return {};
    case ENOMEM:
    case ENOBUFS:
      return Status::Error(StatusCode::kOutOfMemory, "cannot wake the peer", errno);
    default:
      return Status::Error(StatusCode::kUnavailable, "cannot wake the peer", errno);
  }
}

intptr_t EventLoopDoorbell::Transfer(Handle doorbell) {
  doorbell_ = std::move(doorbell);
  identity_ = SocketIdentity(Native(doorbell_));
  return doorbell_.native();
}

void EventLoopDoorbell::Reclaim() {
  if (identity_ != 0 && SocketIdentity(Native(doorbell_)) == identity_) {
    doorbell_.Close();
  } else {
    doorbell_.Release();  // the event loop closed it; the number may belong to another file
  }
}

}  // namespace shmwire::platform
