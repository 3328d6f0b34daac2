#pragma once

// A doorbell wakes an event loop that sleeps. It is a connected pair of sockets: the event loop of
// the sleeper watches one end, and the waker has the other. Each side creates its own doorbell, so
// that its end is not shared with the peer: a process that shares it can make reads from it block.
// On Windows it is an event, and both ends are handles of it.

#include <cstdint>

#include "core/status.h"
#include "platform/handle.h"
#include "platform/process.h"
#include "platform/shared_memory.h"

namespace shmwire::platform {

// The kernel names the sender of everything that arrives at `own`, where it can. `id`: of the own
// memory, for systems where the peer opens the doorbell by its name; by default it has none.
// Errors: kOutOfMemory, kUnavailable.
Status MakeDoorbell(Handle* own, Handle* peer_end, const MemoryId& id = {});

// Stops the transfer of handles to `own` where the system can (platform/queued_handles.h).
// Otherwise `own` will be closed by another thread. Errors: kCorrupt (some are queued).
Status RefuseHandles(Handle* own);

// Checks that the peer's doorbell is a socket that the peer created: otherwise the peer could make
// this process write to a socket of another program. Stops its end from receiving, so that this
// thread may close it. Errors: kCorrupt.
Status CheckDoorbell(const Handle& doorbell, const Credentials& peer);

// Never blocks. No effect if wake-ups are still queued, or if the owner has closed its end, which
// the control socket reports. Errors: kOutOfMemory, kUnavailable: the owner sleeps on.
Status WakeThroughDoorbell(const Handle& doorbell);

// The end that an event loop watches and closes. If a worker is terminated before its event loop
// has the handle, nothing else would close it.
class EventLoopDoorbell {
 public:
  EventLoopDoorbell() = default;
  EventLoopDoorbell(const EventLoopDoorbell&) = delete;
  EventLoopDoorbell& operator=(const EventLoopDoorbell&) = delete;
  ~EventLoopDoorbell() { Reclaim(); }

  // For the event loop to watch. kNone if the doorbell is not valid.
  intptr_t Transfer(Handle doorbell);
  // Closes the end if the event loop has not, and never another socket under the same number. Call
  // it when the event loop has closed its handles.
  void Reclaim();

 private:
  Handle doorbell_;
  // Of the socket, whose number may be reused. Not on Windows.
  [[maybe_unused]] uint64_t identity_ = 0;
};

}  // namespace shmwire::platform
