#pragma once

// Objects for blocking waits, in addition to shared memory and the control socket. Linux needs
// none: it waits on words of shared memory, and polls the control socket. Windows needs events, and
// watches the process of the peer.

#include <cstdint>

#include "core/status.h"
#include "platform/handle.h"
#include "platform/shared_memory.h"

namespace shmwire::platform {

// A process, as its memory states it (SegmentHeader).
struct ProcessIdentity {
  uint32_t pid = 0;
  uint64_t start_time = 0;
};

class WaitObjects {
 public:
  // For the own memory, before the peer opens it. Errors: kOutOfMemory, kUnavailable.
  Status Create(const MemoryId& own);
  // Errors: kCorrupt (not a process or an event of this user), kUnavailable.
  Status Open(const MemoryId& peer, const ProcessIdentity& process);

  // Not valid where the system needs none.
  [[nodiscard]] const Handle& own_event() const { return own_event_; }
  [[nodiscard]] const Handle& peer_event() const { return peer_event_; }
  [[nodiscard]] const Handle& peer_process() const { return peer_process_; }

 private:
  Handle own_event_;
  Handle peer_event_;
  Handle peer_process_;
};

}  // namespace shmwire::platform
