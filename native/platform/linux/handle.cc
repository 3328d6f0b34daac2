#include "platform/handle.h"

#include <unistd.h>

namespace shmwire::platform {

void Handle::Close() {
  if (native_ == kNone) return;
  // Never retried: Linux frees the descriptor even when close is interrupted.
  close(static_cast<int>(native_));
  native_ = kNone;
}

}  // namespace shmwire::platform
