#pragma once

// Descriptors that a peer sent and that this process does not keep. The last close of one may
// block, and a signal does not interrupt it: a FUSE server, perhaps the peer, answers the flush; a
// TCP socket lingers (SO_LINGER); the kernel frees gigabytes; a Unix socket closes the descriptors
// in its queue. So one thread per process closes them. It runs only while there are any.

#include <cstddef>
#include <cstdint>

namespace shmwire::platform {

// Never blocks. While the thread cannot be started, keeps the descriptors; each later call tries
// again.
void CloseElsewhere(const int* descriptors, size_t count);

// Descriptors that CloseElsewhere has not closed yet.
size_t StrayDescriptorsOpen();

enum class StrayBacklog : uint8_t {
  kSmall,
  // As many are open as allowed (1,024, or a quarter of RLIMIT_NOFILE if less). Accept no more.
  kFull,
  // The same, and the thread has not closed any for 250 ms.
  kStuck,
};

// Also tries to start the thread.
StrayBacklog StrayDescriptorBacklog();

}  // namespace shmwire::platform
