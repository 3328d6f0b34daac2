#include "core/wake_times.h"

#include <algorithm>

namespace shmwire {
namespace {

// 0 if the times are not in this order.
uint64_t Between(uint64_t begin, uint64_t end) { return begin <= end ? end - begin : 0; }

}  // namespace

void WakeTimes::WakesPeer(uint64_t now) {
  wake_sent_at_ = now;
  // Relaxed: a hint for the peer's Woken. An old value is from before its wait.
  own_->wake_sent_at.StoreRelaxed(now);
}

uint64_t WakeTimes::Woken(uint64_t waits_since, uint64_t now) {
  // Relaxed: a hint for the peer's PeerWakeNanos. An old value is from before it woke this side.
  own_->woken_at.StoreRelaxed(now);
  // Relaxed: stored in the peer's WakesPeer, and checked here.
  const uint64_t sent_at = peer_->wake_sent_at.LoadRelaxed();
  const uint64_t own_nanos = sent_at < waits_since ? 0 : Between(sent_at, now);
  return std::min(own_nanos + PeerWakeNanos(waits_since, now), Between(waits_since, now));
}

uint64_t WakeTimes::PeerWakeNanos(uint64_t waits_since, uint64_t now) const {
  // Relaxed: stored in the peer's Woken, and checked here.
  const uint64_t woken_at = peer_->woken_at.LoadRelaxed();
  // Without what this side did between its call and the wait.
  return woken_at > now ? 0 : Between(std::max(wake_sent_at_, waits_since), woken_at);
}

}  // namespace shmwire
