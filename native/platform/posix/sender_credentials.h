#pragma once

// The sender of a message with descriptors. Each system implements this in its own folder.

#include <sys/socket.h>

#include <cstddef>

#include "platform/handle.h"
#include "platform/process.h"

namespace shmwire::platform {

// Room for the control message in which a sender states its credentials, on any system.
inline constexpr size_t kStatedCredentialsRoom = 64;

// Writes this control message to `room`, which is zeroed and aligned for one, and returns its
// bytes. 0 if the system states the right credentials itself, or none.
size_t StateCredentials(void* room);

// `doorbell` is the second descriptor of the message. False: the sender is unknown.
bool FindSender(msghdr* message, const Handle& doorbell, Credentials* sender);

}  // namespace shmwire::platform
