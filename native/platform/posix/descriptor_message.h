#pragma once

// Messages that carry descriptors (SCM_RIGHTS) and, where the system has this, name their sender.

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "platform/handle.h"
#include "platform/process.h"

namespace shmwire::platform {

// At least each kernel's bound for one message (Linux: 253, SCM_MAX_FD; macOS: 512). With room for
// all of them, no descriptor is lost unseen, and a message with too many is recognized.
inline constexpr size_t kDescriptorsMax = 512;

// The descriptors of a valid message.
inline constexpr size_t kHandlesMax = 2;

struct ReceivedMessage {
  size_t payload_bytes = 0;
  bool payload_truncated = false;
  // The kernel could not transfer all descriptors, because this process's table is full.
  bool descriptors_truncated = false;
  // The sender is known (posix/sender_credentials.h).
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
// connected socket. Where messages name their sender, they name the process id and the effective
// user and group.
int SendMessage(int socket, const sockaddr* name, socklen_t name_bytes, const void* payload,
                size_t payload_bytes, const int* descriptors, size_t descriptor_count);

// Never blocks. Returns 0 or the error number.
int ReceiveMessage(int socket, void* payload, size_t payload_bytes_max, ReceivedMessage* message);

}  // namespace shmwire::platform
