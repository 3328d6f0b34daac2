#include "platform/handle.h"

#include "platform/windows/windows_api.h"

namespace shmwire::platform {

// Memory, events and processes close without waiting for a peer.
void Handle::Close() {
  if (native_ == kNone) return;
  CloseHandle(reinterpret_cast<HANDLE>(native_));
  native_ = kNone;
}

}  // namespace shmwire::platform
