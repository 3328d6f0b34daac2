#include "core/spin_wait.h"

#include <algorithm>

#include "core/cache_line.h"
#include "platform/process.h"

namespace shmwire {
namespace {

// Polls between two readings of the clock, each of which costs about as much as a pause.
constexpr int kPollsPerClockReading = 16;

// Without another ready thread, a yield takes at most this and two system calls: 0.3 us where a
// call takes 0.1 us, and 1.2 to 3 us where it takes 1.1 us. A switch to another thread and back
// takes longer.
constexpr uint64_t kYieldNanosMax = 1'000;
constexpr uint64_t kYieldSystemCallsMax = 2;

// After a poll that finds nothing, the yield and the event loop each make a system call. A spin of
// that length costs little more than it can save.
constexpr uint64_t kSystemCallsAfterPoll = 2;

// After a longer yield, the core went to a program other than the peer: a peer on the same core
// yields it after a message or two, and a slice of the scheduler is 2 to 4 ms.
constexpr uint64_t kPreemptedNanos = 1'000'000;

// How often an end that shares its core naps, to be moved to another one.
constexpr uint64_t kNapEveryNanos = 20'000'000;

// How long the conclusion holds that the peer shares the core. A wrong conclusion costs this many
// polls without a spin; a correct one that expires costs one spin in this many.
constexpr uint32_t kPollsWithoutSpin = 64;

}  // namespace

template <typename Reader>
Status SpinWait<Reader>::PollAgain(SpinOptions options) {
  const bool spins = options.spin_nanos != 0 && polls_without_spin_ == 0;
  if (spins) {
    Status status = Spin(std::max(options.spin_nanos, kSystemCallsAfterPoll * system_call_nanos_));
    if (!status.ok() || reader_->has_data()) return status;
  }
  return options.yield_cpu ? Yield(spins) : Status();
}

template <typename Reader>
Status SpinWait<Reader>::Spin(uint64_t nanos) {
  const uint64_t deadline = platform::DeadlineAfter(nanos);
  do {
    for (int poll = 0; poll < kPollsPerClockReading; poll++) {
      PauseCpu();
      Status status = reader_->Poll();
      if (!status.ok() || reader_->has_data()) return status;
    }
  } while (platform::MonotonicNanos() < deadline);
  return {};
}

template <typename Reader>
Status SpinWait<Reader>::Yield(bool spun) {
  const uint64_t start = platform::MonotonicNanos();
  platform::YieldCpu();
  const uint64_t nanos = platform::MonotonicNanos() - start;
  preempted_ = nanos > kPreemptedNanos;
  const bool another_ran = nanos > kYieldNanosMax + kYieldSystemCallsMax * system_call_nanos_;
  if (another_ran && start - last_nap_ > kNapEveryNanos) {
    // Two threads that yield one core to each other are never idle, so the scheduler leaves them
    // there although another core is idle.
    last_nap_ = start;
    platform::Nap();
  }
  Status status = reader_->Poll();
  if (!spun) {
    if (polls_without_spin_ != 0) polls_without_spin_--;
  } else if (status.ok() && reader_->has_data() && another_ran) {
    // The spin found nothing and the yield did: the peer had been waiting for this core.
    polls_without_spin_ = kPollsWithoutSpin;
  }
  return status;
}

template class SpinWait<RingReader>;
template class SpinWait<BroadcastReader>;

}  // namespace shmwire
