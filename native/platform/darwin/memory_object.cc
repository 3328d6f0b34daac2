#include "platform/darwin/memory_object.h"

#include <libproc.h>
#include <unistd.h>

namespace shmwire::platform {

bool IsMemoryObject(int descriptor) {
  // fstat reports no type for these objects. This call fails for all others.
  pshm_fdinfo info{};
  constexpr int kBytes = sizeof(info);
  return proc_pidfdinfo(getpid(), descriptor, PROC_PIDFDPSHMINFO, &info, kBytes) == kBytes;
}

}  // namespace shmwire::platform
