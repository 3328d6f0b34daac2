#include "platform/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace shmwire::platform {
namespace {

constexpr uint64_t kNanosPerSecond = 1'000'000'000;

}  // namespace

uint64_t CurrentProcessStartTime() {
  // proc_pid_stat(5). Field 2 is the program's name in parentheses and may hold any byte, so count
  // from the last parenthesis, after which field 3 follows.
  constexpr int kStartTimeField = 22;
  const Handle file(open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return 0;
  char text[1024];
  const ssize_t count = read(static_cast<int>(file.native()), text, sizeof(text) - 1);
  if (count <= 0) return 0;
  text[count] = '\0';
  const char* at = std::strrchr(text, ')');
  for (int field = 2; at != nullptr && field < kStartTimeField; field++) {
    at = std::strchr(at + 1, ' ');
  }
  return at == nullptr ? 0 : std::strtoull(at + 1, nullptr, 10);
}

Status PeerCredentials(intptr_t native, Credentials* credentials) {
  ucred peer{};
  socklen_t bytes = sizeof(peer);
  if (getsockopt(static_cast<int>(native), SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "the descriptor is not a connected Unix socket", errno);
  }
  // The kernel's answer for a socket that is not connected.
  if (bytes != sizeof(peer) || peer.uid == static_cast<uid_t>(-1)) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "the descriptor is not a connected Unix socket");
  }
  *credentials = {static_cast<uint32_t>(peer.pid), peer.uid, peer.gid};
  return {};
}

bool HasHungUp(intptr_t native) {
  // POLLHUP is always reported; POLLRDHUP comes earlier, when the peer has only shut down writing.
  pollfd watched{static_cast<int>(native), POLLRDHUP, 0};
  return poll(&watched, 1, 0) == 1 && (watched.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

Status FillRandom(void* bytes, size_t count) {
  // Never short, and never interrupted, up to 256 bytes once the pool is ready (getrandom(2)).
  ssize_t result = -1;
  do {
    result = getrandom(bytes, count, 0);
  } while (result < 0 && errno == EINTR);
  if (result != static_cast<ssize_t>(count)) {
    return Status::Error(StatusCode::kUnavailable, "cannot get random bytes (getrandom)", errno);
  }
  return {};
}

uint64_t MonotonicNanos() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kNanosPerSecond + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace shmwire::platform
