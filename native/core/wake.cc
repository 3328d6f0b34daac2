#include "core/wake.h"

namespace shmwire {
namespace {

const SharedWord<uint32_t> kNeverArmed{};

}  // namespace

Waker::Waker() : word_(&kNeverArmed) {}

void Sleeper::Arm(SleepMode mode) {
  epoch_ += kWakeEpochStep;  // wraps
  const uint32_t blocked = mode == SleepMode::kBlocked ? kWakeBlockedBit : 0;
  // SYNC(wake.arm): observed in Waker::Check. A1.
  word_->StoreSeqCst(epoch_ | blocked | kWakeArmedBit);
}

void Sleeper::Disarm() {
  // Relaxed: a waker that still sees the armed word causes a spurious wake-up at worst.
  word_->StoreRelaxed(epoch_);
}

WakeAction Waker::CheckArmed(uint32_t word) {
  if (word == last_woken_) return WakeAction::kNone;
  last_woken_ = word;
  return (word & kWakeBlockedBit) != 0 ? WakeAction::kWakeSequence : WakeAction::kDoorbell;
}

}  // namespace shmwire
