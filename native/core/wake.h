#pragma once

// The sleep and wake protocol. The wake word in a sleeper's segment states how the sleeper sleeps:
//
//   bit 0      armed: the sleeper must be woken
//   bit 1      blocked: woken through the wake sequence; otherwise through its doorbell
//   bits 2-31  epoch: each Arm begins a new one
//
//   sleeper                                     waker
//     wake.store(armed, seq_cst)      A1          position.store(seq_cst)     B1
//     position.load(seq_cst)          A2          wake.load(seq_cst)          B2
//     sleep only if nothing new                   wake only if armed
//
// SYNC(wake.arm): in the single total order of all four, A1 precedes B2 or B1 precedes A2. So the
// waker sees the armed word, or the sleeper sees the new position. Any weaker order loses wake-ups,
// on x86 too, where a load may complete before an earlier store.
//
// A blocked sleeper reads the peer's wake sequence before it arms, and waits for a change. The
// waker changes it before it wakes. So a wake-up between arming and wait ends the wait at once.
//
// The waker wakes once in each epoch. Epochs repeat after 2^30 arms. A repeated epoch could hide a
// wake-up only if Check had seen none of the epochs in between, and the sleeper had slept in each.

#include <cstdint>

#include "core/shared_word.h"

namespace shmwire {

inline constexpr uint32_t kWakeArmedBit = 1;
inline constexpr uint32_t kWakeBlockedBit = 2;
inline constexpr uint32_t kWakeEpochStep = 4;

enum class SleepMode : uint8_t { kEventLoop, kBlocked };

// The own wake word. Used by one thread.
class Sleeper {
 public:
  explicit Sleeper(SharedWord<uint32_t>* word) : word_(word) {}

  // Poll again after it, before you sleep.
  void Arm(SleepMode mode);
  // A wake-up that has begun still arrives: wake-ups may be spurious.
  void Disarm();

 private:
  SharedWord<uint32_t>* word_;
  uint32_t epoch_ = 0;
};

enum class WakeAction : uint8_t { kNone, kDoorbell, kWakeSequence };

// The peer's wake word. Used by one thread.
class Waker {
 public:
  explicit Waker(const SharedWord<uint32_t>* word) : word_(word) {}
  // Never wakes.
  Waker();

  // Call it after the store that the peer waits for. Not kNone at most once in each epoch.
  [[nodiscard]] WakeAction Check() {
    // SYNC(wake.arm): stored in Sleeper::Arm. B2.
    const uint32_t word = word_->LoadSeqCst();
    if ((word & kWakeArmedBit) == 0) return WakeAction::kNone;
    return CheckArmed(word);
  }
  // The wake-up failed: Check reports it again.
  void Forget() { last_woken_ = 0; }

 private:
  WakeAction CheckArmed(uint32_t word);

  const SharedWord<uint32_t>* word_;
  uint32_t last_woken_ = 0;  // 0 is not an armed word
};

}  // namespace shmwire
