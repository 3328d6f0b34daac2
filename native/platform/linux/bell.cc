#include "platform/bell.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "platform/queued_handles.h"

namespace shmwire::platform {
namespace {

int Native(const Handle& handle) { return static_cast<int>(handle.native()); }

// False also when the descriptor is no socket.
bool HasOption(const Handle& handle, int option, int expected) {
  int value = 0;
  socklen_t bytes = sizeof(value);
  return getsockopt(Native(handle), SOL_SOCKET, option, &value, &bytes) == 0 && value == expected;
}

// A number that no other socket ever has, unlike its descriptor; 0 when there is no socket.
uint64_t Cookie(const Handle& handle) {
  uint64_t cookie = 0;
  socklen_t bytes = sizeof(cookie);
  const int failed = getsockopt(Native(handle), SOL_SOCKET, SO_COOKIE, &cookie, &bytes);
  return failed == 0 ? cookie : 0;
}

}  // namespace

Status MakeBell(Handle* own, Handle* given) {
  int ends[2];
  // A stream, because libuv listens to no other pair.
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return Status::Error(StatusCode::kOutOfMemory, "cannot create a bell (socketpair)", errno);
  }
  *own = Handle(ends[0], Closing::kOwnElsewhere);
  *given = Handle(ends[1]);
  const int enabled = 1;
  if (setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &enabled, sizeof(enabled)) != 0) {
    return Status::Error(StatusCode::kOutOfMemory, "cannot create a bell (SO_PASSCRED)", errno);
  }
  return {};
}

Status RefuseHandles(Handle* own) {
  const bool stopped = StopHandles(own->native());
  if (MayHoldHandles(own->native())) {
    return Status::Error(StatusCode::kCorrupt, "the peer sent unexpected descriptors to the bell");
  }
  if (stopped) own->CloseHere();
  return {};
}

Status CheckBell(const Handle& bell, const Credentials& peer) {
  // Only a Unix socket carries descriptors, and only a socket can be told not to block whatever its
  // owner has set.
  if (!HasOption(bell, SO_DOMAIN, AF_UNIX) || !HasOption(bell, SO_TYPE, SOCK_STREAM)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's doorbell is not a Unix stream socket");
  }
  // The two ends of a pair name the process that made it.
  Credentials maker;
  const bool known = PeerCredentials(bell.native(), &maker).ok();
  if (!known || !NameSameProcess(maker, peer)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's doorbell was not created by the peer");
  }
  // Nobody reads what is sent to this end. After the shutdown nothing more can be queued in it, so
  // closing it does not wait.
  if (shutdown(Native(bell), SHUT_RD) != 0 || MayHoldHandles(bell.native())) {
    return Status::Error(StatusCode::kCorrupt, "the peer's doorbell holds descriptors");
  }
  return {};
}

Status RingBell(const Handle& bell) {
  const char ring = 0;
  // MSG_NOSIGNAL: a broken connection must not end the process.
  if (send(Native(bell), &ring, sizeof(ring), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) return {};
  switch (errno) {
    case EAGAIN:
    case EPIPE:
    case ECONNRESET:
      return {};
    case ENOMEM:
    case ENOBUFS:
      return Status::Error(StatusCode::kOutOfMemory, "cannot ring the peer", errno);
    default:
      return Status::Error(StatusCode::kUnavailable, "cannot ring the peer", errno);
  }
}

intptr_t LentBell::Lend(Handle bell) {
  bell_ = std::move(bell);
  cookie_ = Cookie(bell_);
  return bell_.native();
}

void LentBell::Reclaim() {
  if (cookie_ != 0 && Cookie(bell_) == cookie_) {
    bell_.Close();
  } else {
    bell_.Release();  // closed, and perhaps another's by now
  }
}

}  // namespace shmwire::platform
