#pragma once

namespace shmwire::platform {

// Whether the descriptor is of a POSIX shared memory object, which no file is. Never blocks.
bool IsMemoryObject(int descriptor);

}  // namespace shmwire::platform
