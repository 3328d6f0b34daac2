#include "platform/pages.h"

#include <sys/mman.h>

namespace shmwire::platform {
namespace {

constexpr int kReadWrite = PROT_READ | PROT_WRITE;
constexpr int kOrdinary = MAP_PRIVATE | MAP_ANONYMOUS;

}  // namespace

std::byte* MapPages(uint64_t bytes) {
  void* data = mmap(nullptr, bytes, kReadWrite, kOrdinary, -1, 0);
  return data == MAP_FAILED ? nullptr : static_cast<std::byte*>(data);
}

void UnmapPages(std::byte* data, uint64_t bytes) { munmap(data, bytes); }

void VacatePages(std::byte* data, uint64_t bytes) {
  // If this fails, the old pages stay: the addresses must not be reused.
  static_cast<void>(mmap(data, bytes, kReadWrite, kOrdinary | MAP_NORESERVE | MAP_FIXED, -1, 0));
}

}  // namespace shmwire::platform
