#pragma once

// Descriptors that a peer sent and that this process does not keep. The last close of one may wait,
// and no signal ends the wait: a FUSE server, which may be the peer, answers the flush; a TCP
// socket lingers (SO_LINGER); the kernel frees gigabytes of memory; a Unix socket closes what its
// queue holds. So one thread per process closes them. It runs only while there are any.

#include <cstddef>
#include <cstdint>

namespace shmwire::platform {

// The kinds that the protocol transfers: memory that can be sealed, or a Unix stream socket. The
// call never waits.
bool IsKnownKind(int descriptor);

// Never waits. Where the thread cannot be started, the descriptors are kept, and each later call
// tries again.
void CloseElsewhere(const int* descriptors, size_t count);

// Descriptors that CloseElsewhere has not closed yet.
size_t StrayDescriptorsOpen();

enum class StrayBacklog : uint8_t {
  kSmall,
  // As many are open as may be: 1,024, or a quarter of RLIMIT_NOFILE if that is less. Peers must
  // not be able to send more.
  kFull,
  // The same, and the thread has closed none for 250 ms.
  kStuck,
};

// Also tries to start the thread.
StrayBacklog StrayDescriptorBacklog();

}  // namespace shmwire::platform
