#pragma once

// Messages with descriptors, as any process could send them.

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

#include "platform/handle.h"

namespace shmwire::test {

// Sends one message without blocking. A connected socket needs no `name`. Returns 0 or the error
// number.
inline int SendDescriptors(int socket, const std::vector<int>& descriptors, const void* payload,
                           size_t payload_bytes, int flags = 0, const sockaddr_un* name = nullptr) {
  const size_t descriptor_bytes = descriptors.size() * sizeof(int);
  std::vector<unsigned char> control(CMSG_SPACE(descriptor_bytes));
  iovec vector{const_cast<void*>(payload), payload_bytes};
  msghdr header{};
  header.msg_name = const_cast<sockaddr_un*>(name);
  header.msg_namelen = name == nullptr ? 0 : sizeof(*name);
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(descriptor_bytes);
    std::memcpy(CMSG_DATA(part), descriptors.data(), descriptor_bytes);
  }
  flags |= MSG_NOSIGNAL | MSG_DONTWAIT;
  return sendmsg(socket, &header, flags) < 0 ? errno : 0;
}

// Sends one byte with the descriptors through a connected socket.
inline int SendDescriptors(const platform::Handle& socket, const std::vector<int>& descriptors,
                           int flags = 0) {
  const char byte = 0;
  return SendDescriptors(static_cast<int>(socket.native()), descriptors, &byte, sizeof(byte),
                         flags);
}

// Sends a datagram to the socket at `path`.
inline int SendDatagram(const char* path, const std::vector<int>& descriptors, const void* payload,
                        size_t payload_bytes) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::strncpy(name.sun_path, path, sizeof(name.sun_path) - 1);
  const platform::Handle sender(socket(AF_UNIX, SOCK_DGRAM, 0));
  return SendDescriptors(static_cast<int>(sender.native()), descriptors, payload, payload_bytes, 0,
                         &name);
}

}  // namespace shmwire::test
