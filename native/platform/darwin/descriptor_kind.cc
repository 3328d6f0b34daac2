#include "platform/posix/descriptor_kind.h"

#include "platform/darwin/memory_object.h"
#include "platform/posix/local_socket.h"

namespace shmwire::platform {

bool IsKnownKind(int descriptor) { return IsMemoryObject(descriptor) || IsLocalStream(descriptor); }

}  // namespace shmwire::platform
