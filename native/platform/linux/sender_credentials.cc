#include "platform/posix/sender_credentials.h"

#include <unistd.h>

#include <cstring>

namespace shmwire::platform {
namespace {

static_assert(CMSG_SPACE(sizeof(ucred)) <= kStatedCredentialsRoom);

// By default, the kernel attaches the real ids to a message (unix(7), SCM_CREDENTIALS). It can
// attach an id that our user namespace does not map, but a sender cannot state one. So this process
// states the ids only if they differ.
bool StatesCredentials() { return geteuid() != getuid() || getegid() != getgid(); }

}  // namespace

size_t StateCredentials(void* room) {
  if (!StatesCredentials()) return 0;
  // SO_PEERCRED of a socket has the effective ids, too.
  const ucred own{getpid(), geteuid(), getegid()};
  auto* const part = static_cast<cmsghdr*>(room);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_CREDENTIALS;
  part->cmsg_len = CMSG_LEN(sizeof(own));
  std::memcpy(CMSG_DATA(part), &own, sizeof(own));
  return CMSG_SPACE(sizeof(own));
}

bool FindSender(msghdr* message, const Handle& /*doorbell*/, Credentials* sender) {
  bool found = false;
  for (cmsghdr* part = CMSG_FIRSTHDR(message); part != nullptr; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS) continue;
    if (part->cmsg_len != CMSG_LEN(sizeof(ucred))) continue;
    ucred stated{};
    std::memcpy(&stated, CMSG_DATA(part), sizeof(stated));
    *sender = {static_cast<uint32_t>(stated.pid), stated.uid, stated.gid};
    found = true;
  }
  return found;
}

}  // namespace shmwire::platform
