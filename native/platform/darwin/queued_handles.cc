#include "platform/queued_handles.h"

#include <sys/ioctl.h>

namespace shmwire::platform {

bool MayHoldHandles(intptr_t native) {
  // Counts control messages, too. Descriptors cannot be queued without a byte of data.
  int bytes = 0;
  return ioctl(static_cast<int>(native), FIONREAD, &bytes) != 0 || bytes != 0;
}

// macOS cannot do this.
bool StopHandles(intptr_t /*native*/) { return false; }

Status RefuseHandles(intptr_t /*native*/) { return {}; }

}  // namespace shmwire::platform
