#include "platform/shared_memory.h"

#include <sys/mman.h>

namespace shmwire::platform {

void Mapping::Unmap() {
  if (data_ == nullptr) return;
  munmap(data_, mapped_bytes_);
  data_ = nullptr;
  bytes_ = 0;
  mapped_bytes_ = 0;
}

void Mapping::Vacate() {
  if (data_ == nullptr) return;
  // If this fails, the mapping stays: its addresses must not be reused.
  static_cast<void>(mmap(data_, mapped_bytes_, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0));
  data_ = nullptr;
  bytes_ = 0;
  mapped_bytes_ = 0;
}

}  // namespace shmwire::platform
