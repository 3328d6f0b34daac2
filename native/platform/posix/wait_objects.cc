#include "platform/wait_objects.h"

namespace shmwire::platform {

Status WaitObjects::Create(const MemoryId& /*own*/) { return {}; }
Status WaitObjects::Open(const MemoryId& /*peer*/, const ProcessIdentity& /*process*/) {
  return {};
}

}  // namespace shmwire::platform
