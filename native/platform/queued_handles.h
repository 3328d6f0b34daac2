#pragma once

// Handles in the queue of a local socket. A peer can put them there at any time, and the thread
// that reads or closes the socket also closes them: see Closing::kElsewhere.

#include <cstdint>

#include "core/status.h"

namespace shmwire::platform {

// Whether the queue holds handles. Also true if that is unknown.
bool MayHoldHandles(intptr_t native);

// From now on, neither this socket nor sockets accepted from it can receive handles. Handles in the
// queue stay. False: the system cannot do this (Linux before 6.16).
bool StopHandles(intptr_t native);

// The same for a socket that an event loop owns. If handles are queued, replaces it under the same
// number by a socket that has hung up, and another thread closes it. Succeeds without effect where
// the system cannot stop handles. Errors: kCorrupt (some are queued), kOutOfMemory.
Status RefuseHandles(intptr_t native);

}  // namespace shmwire::platform
