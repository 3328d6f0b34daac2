#include "platform/posix/descriptor_kind.h"

#include <fcntl.h>

#include "platform/posix/local_socket.h"

namespace shmwire::platform {

bool IsKnownKind(int descriptor) {
  // Only sealable memory has seals.
  return fcntl(descriptor, F_GET_SEALS) >= 0 || IsLocalStream(descriptor);
}

}  // namespace shmwire::platform
