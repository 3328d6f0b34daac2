#pragma once

// The mappings and threads of this process. Each system implements this in its own folder.

#include <cstddef>

namespace shmwire::test {

// Mapped segments, and on some systems other mappings that are shared with other processes.
size_t SegmentMappingCount();

size_t ThreadCount();

}  // namespace shmwire::test
