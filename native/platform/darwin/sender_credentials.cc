#include "platform/posix/sender_credentials.h"

namespace shmwire::platform {

// macOS has no message with credentials (XNU accepts only SCM_RIGHTS).
size_t StateCredentials(void* /*room*/) { return 0; }

// So the sender is the process at the other end of the doorbell in the message. A process that
// sends another's doorbell gains nothing: it must know the token, and it gives that process its
// end.
bool FindSender(msghdr* /*message*/, const Handle& doorbell, Credentials* sender) {
  return doorbell.valid() && PeerCredentials(doorbell.native(), sender).ok();
}

}  // namespace shmwire::platform
