#include <dlfcn.h>

namespace shmwire::platform {
namespace {

// Keeps the addon loaded until the process ends, as -z nodelete does on Linux. Node.js unloads it
// after the last worker that loaded it has ended, but the closing thread and the handlers of forks
// (posix/stray_descriptors.cc) may still run.
__attribute__((constructor)) void KeepLoaded() {
  Dl_info self{};
  if (dladdr(reinterpret_cast<const void*>(&KeepLoaded), &self) == 0) return;
  // The handle is never closed.
  dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

}  // namespace
}  // namespace shmwire::platform
