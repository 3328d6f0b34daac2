#include "platform/posix/descriptor_message.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "platform/posix/descriptor_kind.h"
#include "platform/posix/local_socket.h"
#include "platform/posix/sender_credentials.h"
#include "platform/posix/stray_descriptors.h"

namespace shmwire::platform {
namespace {

constexpr size_t kSentDescriptorsMax = kHandlesMax;

void TakeDescriptors(const cmsghdr* header, ReceivedMessage* message) {
  // No kernel transfers more.
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
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS) {
      TakeDescriptors(part, message);
    }
  }
  message->has_credentials = FindSender(header, message->handles[1], &message->credentials);
}

}  // namespace

int SendMessage(int socket, const sockaddr* name, socklen_t name_bytes, const void* payload,
                size_t payload_bytes, const int* descriptors, size_t descriptor_count) {
  if (descriptor_count > kSentDescriptorsMax) return EINVAL;
  alignas(cmsghdr) unsigned char
      control[CMSG_SPACE(kSentDescriptorsMax * sizeof(int)) + kStatedCredentialsRoom] = {};
  iovec vector{const_cast<void*>(payload), payload_bytes};
  msghdr header{};
  header.msg_name = const_cast<sockaddr*>(name);
  header.msg_namelen = name_bytes;
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  const size_t descriptor_bytes = descriptor_count * sizeof(int);
  const size_t rights_bytes = CMSG_SPACE(descriptor_bytes);
  cmsghdr* part = CMSG_FIRSTHDR(&header);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(descriptor_bytes);
  std::memcpy(CMSG_DATA(part), descriptors, descriptor_bytes);
  header.msg_controllen = rights_bytes + StateCredentials(control + rights_bytes);

  ssize_t sent = -1;
  do {
    sent = sendmsg(socket, &header, kSendFlags);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return errno;
  return static_cast<size_t>(sent) == payload_bytes ? 0 : EMSGSIZE;
}

int ReceiveMessage(int socket, void* payload, size_t payload_bytes_max, ReceivedMessage* message) {
  alignas(cmsghdr) unsigned char
      control[CMSG_SPACE(kDescriptorsMax * sizeof(int)) + kStatedCredentialsRoom];
  iovec vector{payload, payload_bytes_max};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);

  ssize_t received = -1;
  do {
    received = ReceiveOnce(socket, &header);
  } while (received < 0 && errno == EINTR);
  if (received < 0) return errno;
  message->payload_bytes = static_cast<size_t>(received);
  message->payload_truncated = (header.msg_flags & MSG_TRUNC) != 0;
  message->descriptors_truncated = (header.msg_flags & MSG_CTRUNC) != 0;
  TakeControl(&header, message);
  return 0;
}

}  // namespace shmwire::platform
