#include "platform/doorbell.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "platform/queued_handles.h"

namespace shmwire::platform {
namespace {

int Native(const Handle& handle) { return static_cast<int>(handle.native()); }

// Also false if the descriptor is not a socket.
bool HasOption(const Handle& handle, int option, int expected) {
  int value = 0;
  socklen_t bytes = sizeof(value);
  return getsockopt(Native(handle), SOL_SOCKET, option, &value, &bytes) == 0 && value == expected;
}

// A number that no other socket ever has, unlike its descriptor. 0: it is not a socket.
uint64_t Cookie(const Handle& handle) {
  uint64_t cookie = 0;
  socklen_t bytes = sizeof(cookie);
  const int failed = getsockopt(Native(handle), SOL_SOCKET, SO_COOKIE, &cookie, &bytes);
  return failed == 0 ? cookie : 0;
}

}  // namespace

Status MakeDoorbell(Handle* own, Handle* peer_end, const MemoryId& /*id*/) {
  int ends[2];
  // A stream, because libuv watches no other kind of pair.
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return Status::Error(StatusCode::kOutOfMemory, "cannot create a doorbell (socketpair)", errno);
  }
  *own = Handle(ends[0], Closing::kOwnElsewhere);
  *peer_end = Handle(ends[1]);
  const int enabled = 1;
  if (setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &enabled, sizeof(enabled)) != 0) {
    return Status::Error(StatusCode::kOutOfMemory, "cannot create a doorbell (SO_PASSCRED)", errno);
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
  if (!HasOption(doorbell, SO_DOMAIN, AF_UNIX) || !HasOption(doorbell, SO_TYPE, SOCK_STREAM)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's doorbell is not a Unix stream socket");
  }
  // Both ends of a pair name the process that created it.
  Credentials maker;
  const bool known = PeerCredentials(doorbell.native(), &maker).ok();
  if (!known || !NameSameProcess(maker, peer)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's doorbell was not created by the peer");
  }
  // This end is never read. After the shutdown its queue stays empty, so closing it does not block.
  if (shutdown(Native(doorbell), SHUT_RD) != 0 || MayHoldHandles(doorbell.native())) {
    return Status::Error(StatusCode::kCorrupt, "the peer's doorbell holds descriptors");
  }
  return {};
}

Status WakeThroughDoorbell(const Handle& doorbell) {
  const char wake_up = 0;
  // MSG_NOSIGNAL: a broken connection must not end the process.
  if (send(Native(doorbell), &wake_up, sizeof(wake_up), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) return {};
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
  cookie_ = Cookie(doorbell_);
  return doorbell_.native();
}

void EventLoopDoorbell::Reclaim() {
  if (cookie_ != 0 && Cookie(doorbell_) == cookie_) {
    doorbell_.Close();
  } else {
    doorbell_.Release();  // the event loop closed it; the number may belong to another file
  }
}

}  // namespace shmwire::platform
