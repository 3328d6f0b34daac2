#pragma once

// Datagrams that carry descriptors: SCM_RIGHTS and SCM_CREDENTIALS (unix(7)).

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "platform/handle.h"
#include "platform/process.h"

namespace shmwire::platform {

// The kernel's bound for one message (SCM_MAX_FD). With room for all of them, no descriptor is lost
// unseen, and a message with too many is recognized.
inline constexpr size_t kDescriptorsMax = 253;

// The descriptors of a valid message.
inline constexpr size_t kHandlesMax = 2;

struct ReceivedMessage {
  size_t payload_bytes = 0;
  bool payload_truncated = false;
  // The kernel could not transfer all descriptors, because this process's table is full.
  bool descriptors_truncated = false;
  bool has_credentials = false;
  Credentials credentials;
  // Of the known kinds. The message closes them unless they are moved out, and in another thread:
  // the effect of closing them is unknown.
  size_t handle_count = 0;
  std::array<Handle, kHandlesMax> handles;
  // All others, and all of a message that has too many. Another thread closes them.
  size_t stray_count = 0;
};

// Never blocks, and never raises SIGPIPE. Returns 0 or the error number. `name` is null for a
// connected socket. Sends the process id and the effective user and group as credentials.
int SendMessage(int socket, const sockaddr* name, socklen_t name_bytes, const void* payload,
                size_t payload_bytes, const int* descriptors, size_t descriptor_count);

// Never blocks. Returns 0 or the error number.
int ReceiveMessage(int socket, void* payload, size_t payload_bytes_max, ReceivedMessage* message);

}  // namespace shmwire::platform
