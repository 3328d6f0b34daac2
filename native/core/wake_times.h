#pragma once

// How much of a wait the wake-ups took: this side's own, and the peer's. The rest is the gap
// between two messages. A side that counted its wake-ups as part of the gap would sleep because it
// sleeps.
//
//       own wake_sent_at   peer's woken_at   peer's wake_sent_at   own woken_at
//   peer  asleep  |=== wakes up ===|====== works ======|   polls         |
//   own           |     polls      |   falls asleep    |=== wakes up ====|
//
// Each side stores the two times in its own control block, only when it wakes the peer or is woken.
// They are hints, and take no part in the protocol of wake.h. The peer's may be anything: its clock
// may be in another time namespace, or it stores no times. Therefore times that are not within the
// wait count as nothing, and the result never exceeds the wait.
//
// All times are of platform::MonotonicNanos. Used by one thread.

#include <cstdint>

#include "core/segment_layout.h"

namespace shmwire {

class WakeTimes {
 public:
  // The arguments must outlive it.
  WakeTimes(ControlBlock* own, const ControlBlock* peer) : own_(own), peer_(peer) {}

  // Call it before this side wakes the peer.
  void WakesPeer(uint64_t now);
  // This side was woken. Returns how much of its wait since `waits_since` both wake-ups took.
  uint64_t Woken(uint64_t waits_since, uint64_t now);
  // How much of a wait that continues the peer's wake-up took; 0 until the peer is awake.
  [[nodiscard]] uint64_t PeerWakeNanos(uint64_t waits_since, uint64_t now) const;

 private:
  ControlBlock* own_;
  const ControlBlock* peer_;
  uint64_t wake_sent_at_ = 0;
};

}  // namespace shmwire
