#pragma once

// The sleep and wake protocol. A wake word belongs to a sleeper, lies in its segment, and says
// whether and how the sleeper sleeps:
//
//   bit 0      armed: ring me
//   bit 1      blocked: through the signal word; else in an event loop: through its bell
//   bits 2-31  epoch: each Arm is a new one
//
//   sleeper                                     waker
//     wake.store(armed, seq_cst)      A1          position.store(seq_cst)     B1
//     position.load(seq_cst)          A2          wake.load(seq_cst)          B2
//     sleep only if nothing new                   ring only if armed
//
// SYNC(wake.arm): in the one order of all four, A1 precedes B2 or B1 precedes A2. So the waker sees
// that it must ring, or the sleeper sees that it must not sleep. Anything weaker loses wake-ups, on
// x86 too, where a store may pass a later load.
//
// A blocked sleeper reads the peer's signal word before it arms, and waits for it to change. The
// waker changes it before it wakes, so that a ring between the arming and the wait ends the wait at
// once. Nothing waits on a word that the ringer does not change.
//
// An epoch is rung once. It repeats after 2^30 arms; one that the waker rang would have to come
// back with no Check in between that saw another, while the sleeper slept on every one of them.

#include <cstdint>

#include "core/shared_word.h"

namespace shmwire {

inline constexpr uint32_t kWakeArmedBit = 1;
inline constexpr uint32_t kWakeBlockedBit = 2;
inline constexpr uint32_t kWakeEpochStep = 4;

enum class SleepMode : uint8_t { kEventLoop, kBlocked };

// One's own wake word. Used by one thread.
class Sleeper {
 public:
  explicit Sleeper(SharedWord<uint32_t>* word) : word_(word) {}

  // After it, look again before you sleep.
  void Arm(SleepMode mode);
  // A ring that is already under way still arrives: wake-ups may be spurious.
  void Disarm();

 private:
  SharedWord<uint32_t>* word_;
  uint32_t epoch_ = 0;
};

enum class Ring : uint8_t { kNone, kDoorbell, kSignal };

// The peer's wake word. Used by one thread.
class Waker {
 public:
  explicit Waker(const SharedWord<uint32_t>* word) : word_(word) {}

  // Call after the store that the peer waits for. Says how to ring, once for each of the peer's
  // epochs.
  [[nodiscard]] Ring Check() {
    // SYNC(wake.arm): stored in Sleeper::Arm. B2.
    const uint32_t word = word_->LoadSeqCst();
    if ((word & kWakeArmedBit) == 0) return Ring::kNone;
    return RingArmed(word);
  }

 private:
  Ring RingArmed(uint32_t word);

  const SharedWord<uint32_t>* word_;
  uint32_t last_rung_ = 0;  // never an armed word
};

}  // namespace shmwire
