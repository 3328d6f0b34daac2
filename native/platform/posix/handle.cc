#include "platform/handle.h"

#include <unistd.h>

#include "platform/posix/local_socket.h"
#include "platform/posix/stray_descriptors.h"

namespace shmwire::platform {

void Handle::Close() {
  if (native_ == kNone) return;
  const int descriptor = static_cast<int>(native_);
  switch (closing_) {
    case Closing::kHere:
      // Never retried: Linux frees the descriptor even when close is interrupted.
      close(descriptor);
      break;
    case Closing::kOwnElsewhere:
      HangUp(descriptor);
      [[fallthrough]];
    case Closing::kElsewhere:
      CloseElsewhere(&descriptor, 1);
      break;
  }
  native_ = kNone;
}

}  // namespace shmwire::platform
