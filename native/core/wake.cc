#include "core/wake.h"

namespace shmwire {

void Sleeper::Arm(SleepMode mode) {
  epoch_ += kWakeEpochStep;  // wraps
  const uint32_t blocked = mode == SleepMode::kBlocked ? kWakeBlockedBit : 0;
  // SYNC(wake.arm): observed in Waker::Check. A1.
  word_->StoreSeqCst(epoch_ | blocked | kWakeArmedBit);
}

void Sleeper::Disarm() {
  // Relaxed: a waker that still sees the armed word rings needlessly, no more.
  word_->StoreRelaxed(epoch_);
}

Ring Waker::RingArmed(uint32_t word) {
  if (word == last_rung_) return Ring::kNone;
  last_rung_ = word;
  return (word & kWakeBlockedBit) != 0 ? Ring::kSignal : Ring::kDoorbell;
}

}  // namespace shmwire
