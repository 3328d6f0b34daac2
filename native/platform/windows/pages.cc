#include "platform/pages.h"

#include "platform/windows/windows_api.h"

namespace shmwire::platform {

std::byte* MapPages(uint64_t bytes) {
  return static_cast<std::byte*>(
      VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
}

void UnmapPages(std::byte* data, uint64_t /*bytes*/) { VirtualFree(data, 0, MEM_RELEASE); }

// The pages stay committed, but the system need not write them to the page file.
void VacatePages(std::byte* data, uint64_t bytes) {
  VirtualAlloc(data, bytes, MEM_RESET, PAGE_READWRITE);
}

}  // namespace shmwire::platform
