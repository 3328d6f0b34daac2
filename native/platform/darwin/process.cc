#include "platform/process.h"

#include <libproc.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>

#include "platform/posix/local_socket.h"

namespace shmwire::platform {

uint64_t CurrentProcessStartTime() {
  // In microseconds since 1970.
  constexpr uint64_t kMicrosPerSecond = 1'000'000;
  proc_bsdinfo info{};
  constexpr int kBytes = sizeof(info);
  if (proc_pidinfo(getpid(), PROC_PIDTBSDINFO, 0, &info, kBytes) != kBytes) return 0;
  return info.pbi_start_tvsec * kMicrosPerSecond + info.pbi_start_tvusec;
}

Status PeerCredentials(intptr_t native, Credentials* credentials) {
  const int socket = static_cast<int>(native);
  // The options have the numbers of other options in other kinds of sockets.
  if (!IsLocalStream(socket)) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "the descriptor is not a connected Unix socket");
  }
  uid_t uid = 0;
  gid_t gid = 0;
  pid_t pid = 0;
  socklen_t bytes = sizeof(pid);
  // User and group are those of the connection. The process is the last one that used the other
  // end; it is unknown once that end is closed.
  if (getpeereid(socket, &uid, &gid) != 0 ||
      getsockopt(socket, SOL_LOCAL, LOCAL_PEERPID, &pid, &bytes) != 0) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "the descriptor is not a connected Unix socket", errno);
  }
  *credentials = {static_cast<uint32_t>(pid), uid, gid};
  return {};
}

bool HasHungUp(intptr_t native) {
  // XNU watches the socket only if POLLHUP is requested. It reports this also when the peer has
  // only shut down writing.
  pollfd watched{static_cast<int>(native), POLLHUP, 0};
  return poll(&watched, 1, 0) == 1 && (watched.revents & (POLLHUP | POLLERR)) != 0;
}

Status FillRandom(void* bytes, size_t count) {
  // Cannot fail.
  arc4random_buf(bytes, count);
  return {};
}

// The same in every process, and stops while the system sleeps, as CLOCK_MONOTONIC of Linux does.
uint64_t MonotonicNanos() { return clock_gettime_nsec_np(CLOCK_UPTIME_RAW); }

}  // namespace shmwire::platform
