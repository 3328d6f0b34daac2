#include "platform/queued_handles.h"

namespace shmwire::platform {

// Named pipes carry no handles.
bool MayHoldHandles(intptr_t /*native*/) { return false; }
bool StopHandles(intptr_t /*native*/) { return true; }
Status RefuseHandles(intptr_t /*native*/) { return {}; }

}  // namespace shmwire::platform
