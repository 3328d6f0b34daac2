#pragma once

// Handles in the queue of a local socket. A peer can put them there unasked, and the thread that
// reads the socket, or closes it, also closes them: see Closing::kElsewhere.

#include <cstdint>

#include "core/status.h"

namespace shmwire::platform {

// Whether the queue holds handles. True also when that cannot be determined.
bool MayHoldHandles(intptr_t native);

// From now on nobody can send handles to the socket, and none accepted from it takes any. Those in
// the queue stay. False: the system cannot do this (Linux before 6.16).
bool StopHandles(intptr_t native);

// The same for a socket that an event loop owns. If handles are queued, the socket is replaced by
// one that has hung up, under the same number, and is closed elsewhere. Succeeds without effect
// where the system cannot stop handles. Errors: kCorrupt (some are queued), kOutOfMemory.
Status RefuseHandles(intptr_t native);

}  // namespace shmwire::platform
