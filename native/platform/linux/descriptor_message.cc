#include "platform/linux/descriptor_message.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "platform/linux/stray_descriptors.h"

namespace shmwire::platform {
namespace {

constexpr size_t kSentDescriptorsMax = kHandlesMax;

// SO_PEERCRED of a socket has the effective ids, too.
ucred OwnCredentials() { return {getpid(), geteuid(), getegid()}; }

// By default, the kernel attaches the real ids to a message (unix(7), SCM_CREDENTIALS). It can
// attach an id that our user namespace does not map, but a sender cannot state one. So this process
// states the ids only if they differ.
bool StatesCredentials() { return geteuid() != getuid() || getegid() != getgid(); }

void PutPart(cmsghdr* part, int type, const void* data, size_t bytes) {
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = type;
  part->cmsg_len = CMSG_LEN(bytes);
  std::memcpy(CMSG_DATA(part), data, bytes);
}

void TakeDescriptors(const cmsghdr* header, ReceivedMessage* message) {
  // The kernel's bound is ours.
  const size_t count = std::min((header->cmsg_len - CMSG_LEN(0)) / sizeof(int), kDescriptorsMax);
  int descriptors[kDescriptorsMax];
  std::memcpy(descriptors, CMSG_DATA(header), count * sizeof(int));
  const bool fits = count <= kHandlesMax - message->handle_count;
  size_t strays = 0;
  for (size_t index = 0; index < count; index++) {
    const int descriptor = descriptors[index];
    if (fits && IsKnownKind(descriptor)) {
      message->handles[message->handle_count++] = Handle(descriptor, Closing::kElsewhere);
    } else {
      descriptors[strays++] = descriptor;
    }
  }
  message->stray_count += strays;
  CloseElsewhere(descriptors, strays);
}

void TakeControl(msghdr* header, ReceivedMessage* message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(header); part != nullptr; part = CMSG_NXTHDR(header, part)) {
    if (part->cmsg_level != SOL_SOCKET) continue;
    if (part->cmsg_type == SCM_RIGHTS) {
      TakeDescriptors(part, message);
    } else if (part->cmsg_type == SCM_CREDENTIALS && part->cmsg_len == CMSG_LEN(sizeof(ucred))) {
      ucred sender{};
      std::memcpy(&sender, CMSG_DATA(part), sizeof(sender));
      message->has_credentials = true;
      message->credentials = {static_cast<uint32_t>(sender.pid), sender.uid, sender.gid};
    }
  }
}

}  // namespace

int SendMessage(int socket, const sockaddr* name, socklen_t name_bytes, const void* payload,
                size_t payload_bytes, const int* descriptors, size_t descriptor_count) {
  if (descriptor_count > kSentDescriptorsMax) return EINVAL;
  alignas(cmsghdr) unsigned char
      control[CMSG_SPACE(kSentDescriptorsMax * sizeof(int)) + CMSG_SPACE(sizeof(ucred))] = {};
  iovec vector{const_cast<void*>(payload), payload_bytes};
  msghdr header{};
  header.msg_name = const_cast<sockaddr*>(name);
  header.msg_namelen = name_bytes;
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  const size_t descriptor_bytes = descriptor_count * sizeof(int);
  size_t control_bytes = CMSG_SPACE(descriptor_bytes);
  cmsghdr* part = CMSG_FIRSTHDR(&header);
  PutPart(part, SCM_RIGHTS, descriptors, descriptor_bytes);
  if (StatesCredentials()) {
    const ucred own = OwnCredentials();
    PutPart(CMSG_NXTHDR(&header, part), SCM_CREDENTIALS, &own, sizeof(own));
    control_bytes += CMSG_SPACE(sizeof(own));
  }
  header.msg_controllen = control_bytes;

  ssize_t sent = -1;
  do {
    sent = sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return errno;
  return static_cast<size_t>(sent) == payload_bytes ? 0 : EMSGSIZE;
}

int ReceiveMessage(int socket, void* payload, size_t payload_bytes_max, ReceivedMessage* message) {
  alignas(cmsghdr) unsigned char
      control[CMSG_SPACE(kDescriptorsMax * sizeof(int)) + CMSG_SPACE(sizeof(ucred))];
  iovec vector{payload, payload_bytes_max};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);

  ssize_t received = -1;
  do {
    received = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (received < 0 && errno == EINTR);
  if (received < 0) return errno;
  message->payload_bytes = static_cast<size_t>(received);
  message->payload_truncated = (header.msg_flags & MSG_TRUNC) != 0;
  message->descriptors_truncated = (header.msg_flags & MSG_CTRUNC) != 0;
  TakeControl(&header, message);
  return 0;
}

}  // namespace shmwire::platform
