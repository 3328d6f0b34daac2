#include "platform/posix/local_socket.h"

#include <fcntl.h>
#include <libproc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "platform/handle.h"
#include "platform/queued_handles.h"

namespace shmwire::platform {
namespace {

// Not atomic, as SOCK_CLOEXEC is: a process that another thread starts in between inherits it.
bool CloseOnExec(int descriptor) { return fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0; }

bool SetNoSigpipe(int socket) {
  const int enabled = 1;
  return setsockopt(socket, SOL_SOCKET, SO_NOSIGPIPE, &enabled, sizeof(enabled)) == 0;
}

bool Configure(int socket) {
  return CloseOnExec(socket) && fcntl(socket, F_SETFL, O_NONBLOCK) == 0 && SetNoSigpipe(socket);
}

void CloseReceivedOnExec(msghdr* message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(message); part != nullptr; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t index = 0; index < count; index++) {
      // If it fails, the descriptor is only inherited: it stays usable.
      CloseOnExec(reinterpret_cast<const int*>(CMSG_DATA(part))[index]);
    }
  }
}

}  // namespace

namespace {

// MSG_NBIO of XNU, which its public headers do not have. MSG_DONTWAIT only keeps a send from
// waiting for the socket's lock: without this flag, it waits for room in the peer's queue.
constexpr int kDoNotWaitForRoom = 0x20000;

}  // namespace

// Kernels before MSG_NOSIGNAL ignore it; SO_NOSIGPIPE has the same effect there.
const int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL | kDoNotWaitForRoom;

int MakeLocalSocket(int type) {
  Handle made(socket(AF_UNIX, type, 0));
  if (!made.valid() || !Configure(static_cast<int>(made.native()))) return -1;
  return static_cast<int>(made.Release());
}

bool MakeLocalSocketPair(int ends[2]) {
  int made[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, made) != 0) return false;
  Handle first(made[0]);
  Handle second(made[1]);
  if (!Configure(made[0]) || !Configure(made[1])) return false;
  ends[0] = static_cast<int>(first.Release());
  ends[1] = static_cast<int>(second.Release());
  return true;
}

// No message names its sender (darwin/sender_credentials.cc).
int NameSenders(int /*socket*/) { return 0; }

void PrepareToSend(int socket) {
  // If the peer has closed its end, this fails, and so does every send. The peer can undo it: then
  // MSG_NOSIGNAL still has its effect, and Node.js ignores SIGPIPE.
  SetNoSigpipe(socket);
  // Likewise, if a kernel ignored kDoNotWaitForRoom.
  fcntl(socket, F_SETFL, O_NONBLOCK);
}

void HangUp(int socket) {
  // A shutdown of the receiving side would close queued descriptors in this thread. The other end
  // sees this one too.
  shutdown(socket, SHUT_WR);
}

ssize_t ReceiveOnce(int socket, msghdr* message) {
  const ssize_t received = recvmsg(socket, message, MSG_DONTWAIT);
  if (received >= 0) CloseReceivedOnExec(message);
  return received;
}

bool StopReceiving(int socket) {
  // The shutdown would close queued descriptors in this thread, and a close may block.
  if (MayHoldHandles(socket)) return false;
  // ENOTCONN: the peer has closed its end, or the kernel's collector of sockets in transit has shut
  // this one down already. In both cases nothing can arrive.
  return shutdown(socket, SHUT_RD) == 0 || errno == ENOTCONN;
}

bool IsFullQueue(int os_error) { return os_error == ENOBUFS || os_error == EAGAIN; }

bool IsLocalStream(int descriptor) {
  // Not getsockname, which fails once the peer has closed its end.
  socket_fdinfo info{};
  constexpr int kBytes = sizeof(info);
  return proc_pidfdinfo(getpid(), descriptor, PROC_PIDFDSOCKETINFO, &info, kBytes) == kBytes &&
         info.psi.soi_family == AF_UNIX && info.psi.soi_type == SOCK_STREAM;
}

uint64_t SocketIdentity(int descriptor) {
  struct stat file_stat {};
  // The kernel numbers Unix sockets, and gives other sockets the number 0.
  if (fstat(descriptor, &file_stat) != 0 || !S_ISSOCK(file_stat.st_mode)) return 0;
  return file_stat.st_ino;
}

}  // namespace shmwire::platform
