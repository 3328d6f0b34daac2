#include "platform/queued_handles.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "platform/handle.h"

namespace shmwire::platform {
namespace {

// In asm-generic/socket.h since Linux 6.16.
constexpr int kSoPassrights = 83;

// Whether a Unix socket's receive queue holds descriptors (Linux 5.6, proc_pid_fdinfo(5)). False:
// unknown.
bool ReadQueuedDescriptors(int descriptor, bool* any) {
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", descriptor);
  const Handle file(open(path, O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return false;
  char text[512];
  const ssize_t count = read(static_cast<int>(file.native()), text, sizeof(text) - 1);
  if (count <= 0) return false;
  text[count] = '\0';
  constexpr char kField[] = "scm_fds:";
  const char* at = std::strstr(text, kField);
  unsigned int queued = 0;
  if (at == nullptr || std::sscanf(at + sizeof(kField) - 1, "%u", &queued) != 1) return false;
  *any = queued != 0;
  return true;
}

// -1: the socket does not have the option.
int Option(int descriptor, int option) {
  int value = -1;
  socklen_t bytes = sizeof(value);
  return getsockopt(descriptor, SOL_SOCKET, option, &value, &bytes) == 0 ? value : -1;
}

Status NoDescriptor() {
  return Status::Error(StatusCode::kOutOfMemory, "cannot replace a socket that holds descriptors",
                       errno);
}

}  // namespace

bool MayHoldHandles(intptr_t native) {
  const int descriptor = static_cast<int>(native);
  bool any = false;
  if (ReadQueuedDescriptors(descriptor, &any)) return any;
  // Not exact: after MSG_OOB has read an out-of-band byte, its descriptors remain without a byte.
  int bytes = 0;
  return ioctl(descriptor, FIONREAD, &bytes) != 0 || bytes != 0;
}

bool StopHandles(intptr_t native) {
  const int refused = 0;
  return setsockopt(static_cast<int>(native), SOL_SOCKET, kSoPassrights, &refused,
                    sizeof(refused)) == 0;
}

Status RefuseHandles(intptr_t native) {
  const int descriptor = static_cast<int>(native);
  // 0: inherited from the listening socket, so the peer could never send any.
  if (Option(descriptor, kSoPassrights) != 1 || !StopHandles(native)) return {};
  // A connection that is not accepted yet has its own queue, and is checked when it is accepted.
  if (Option(descriptor, SO_ACCEPTCONN) == 1 || !MayHoldHandles(native)) return {};
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return NoDescriptor();
  }
  const Handle hung_up(ends[0]);
  Handle(ends[1]).Close();
  const Handle held(fcntl(descriptor, F_DUPFD_CLOEXEC, 0), Closing::kElsewhere);
  if (!held.valid()) return NoDescriptor();
  if (dup3(ends[0], descriptor, O_CLOEXEC) < 0) return NoDescriptor();
  return Status::Error(StatusCode::kCorrupt,
                       "the peer sent descriptors through the control socket");
}

}  // namespace shmwire::platform
