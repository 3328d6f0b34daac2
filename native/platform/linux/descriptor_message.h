#pragma once

// Datagrams that carry descriptors: SCM_RIGHTS and SCM_CREDENTIALS (unix(7)).

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "platform/handle.h"
#include "platform/process.h"

namespace shmwire::platform {

// The kernel carries no more descriptors in one message (SCM_MAX_FD). Room for all of them: those
// that do not fit are lost to us, but so is the knowledge of who sent too many.
inline constexpr size_t kDescriptorsMax = 253;

// What a message of the protocol carries.
inline constexpr size_t kHandlesMax = 2;

struct ReceivedMessage {
  size_t payload_bytes = 0;
  bool payload_truncated = false;
  // The kernel could not give us all descriptors, because our table of them is full.
  bool descriptors_truncated = false;
  bool has_credentials = false;
  Credentials credentials;
  // Of the kinds that the protocol knows. They are closed with the message, unless moved out, and
  // elsewhere: nothing is known of what closing them does.
  size_t handle_count = 0;
  std::array<Handle, kHandlesMax> handles;
  // All others, and all of a message that has too many. They are closed already, elsewhere.
  size_t stray_count = 0;
};

// Never blocks, never raises SIGPIPE. Zero, or the error number. `name` may be null: a connected
// socket. A receiver that asks for credentials gets this process's id and its effective user and
// group.
int SendMessage(int socket, const sockaddr* name, socklen_t name_bytes, const void* payload,
                size_t payload_bytes, const int* descriptors, size_t descriptor_count);

// Never blocks. Zero, or the error number.
int ReceiveMessage(int socket, void* payload, size_t payload_bytes_max, ReceivedMessage* message);

}  // namespace shmwire::platform
