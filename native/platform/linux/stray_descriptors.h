#pragma once

// Descriptors that a peer sent and that are none the protocol knows. To close one may ask the
// server of its file system (FUSE), which may be the peer and need not answer; and no signal ends
// that wait. So it is left to a thread that nobody waits for.

#include <cstddef>

namespace shmwire::platform {

// Memory that can be sealed, or a Unix socket: what the protocol hands over, and what is closed
// without asking anybody. Asks nobody either.
bool ClosesAtOnce(int descriptor);

// Closes them, in a thread of its own. Where there can be no thread, they stay open: rather fewer
// descriptors than a thread that never returns.
void CloseElsewhere(const int* descriptors, size_t count);

// Those that CloseElsewhere has not closed yet.
size_t StrayDescriptorsOpen();

}  // namespace shmwire::platform
