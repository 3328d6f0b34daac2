#pragma once

// Ordinary memory of this process in whole pages, beside the allocator of the process, which may
// keep or split what it frees.

#include <cstddef>
#include <cstdint>

namespace shmwire::platform {

// Zeroed memory, whose pages exist once they are written. Null if there is none.
std::byte* MapPages(uint64_t bytes);
// Returns the memory and its addresses to the system.
void UnmapPages(std::byte* data, uint64_t bytes);
// Returns the memory and keeps its addresses until the process ends: reads find zeros or the old
// bytes, and writes are allowed. For memory whose users cannot be enumerated.
void VacatePages(std::byte* data, uint64_t bytes);

}  // namespace shmwire::platform
