#include "platform/posix/local_socket.h"

#include <cerrno>

namespace shmwire::platform {
namespace {

// Also false if the descriptor is not a socket.
bool HasOption(int descriptor, int option, int expected) {
  int value = 0;
  socklen_t bytes = sizeof(value);
  return getsockopt(descriptor, SOL_SOCKET, option, &value, &bytes) == 0 && value == expected;
}

}  // namespace

const int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;

int MakeLocalSocket(int type) { return socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }

bool MakeLocalSocketPair(int ends[2]) {
  return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0;
}

int NameSenders(int socket) {
  const int enabled = 1;
  return setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &enabled, sizeof(enabled)) == 0 ? 0 : errno;
}

void PrepareToSend(int /*socket*/) {}

ssize_t ReceiveOnce(int socket, msghdr* message) {
  return recvmsg(socket, message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
}

void HangUp(int socket) { shutdown(socket, SHUT_RDWR); }

bool StopReceiving(int socket) { return shutdown(socket, SHUT_RD) == 0; }

bool IsFullQueue(int os_error) { return os_error == EAGAIN; }

bool IsLocalStream(int descriptor) {
  return HasOption(descriptor, SO_DOMAIN, AF_UNIX) && HasOption(descriptor, SO_TYPE, SOCK_STREAM);
}

uint64_t SocketIdentity(int descriptor) {
  uint64_t cookie = 0;
  socklen_t bytes = sizeof(cookie);
  return getsockopt(descriptor, SOL_SOCKET, SO_COOKIE, &cookie, &bytes) == 0 ? cookie : 0;
}

}  // namespace shmwire::platform
