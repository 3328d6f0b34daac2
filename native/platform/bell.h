#pragma once

// A bell wakes an event loop that sleeps. It is a connected pair: the sleeper keeps one end and has
// its event loop listen to it, the ringer has the other. Each side makes the bell that it listens
// to, so that no peer shares its end: whoever shares one can make reading it block.

#include <cstdint>

#include "core/status.h"
#include "platform/handle.h"
#include "platform/process.h"

namespace shmwire::platform {

// What comes through `own` says who has sent it. Errors: kOutOfMemory.
Status MakeBell(Handle* own, Handle* given);

// From now on nobody can send handles to `own`, where the system can do this (platform/
// queued_handles.h); otherwise, `own` is closed elsewhere. Errors: kCorrupt (some are queued).
Status RefuseHandles(Handle* own);

// Whether the bell that a peer gave us can be rung, and was created by that peer: it could have us
// ring, in our name, at any socket that it has connected to. Nothing can be queued in its end
// afterwards, so that it may be closed here. Errors: kCorrupt.
Status CheckBell(const Handle& bell, const Credentials& peer);

// Never blocks. A bell full of rings that its owner has not heard yet needs no further one, and
// that an owner is gone is heard elsewhere. Errors: kOutOfMemory, kUnavailable: the owner sleeps
// on.
Status RingBell(const Handle& bell);

// The end that an event loop listens to, and closes. A thread may be terminated before its loop has
// the handle, which is then a number that nobody knows.
class LentBell {
 public:
  LentBell() = default;
  LentBell(const LentBell&) = delete;
  LentBell& operator=(const LentBell&) = delete;
  ~LentBell() { Reclaim(); }

  // What the event loop is to listen to; none if the bell is none.
  intptr_t Lend(Handle bell);
  // Closes what is still open, and not another's under the same number. To be called when the event
  // loop has closed what it had.
  void Reclaim();

 private:
  Handle bell_;
  uint64_t cookie_ = 0;  // tells it from another under the same number
};

}  // namespace shmwire::platform
