#pragma once

// Polls the ring of another process for a short time, before the caller arms a wake word and
// sleeps.
//
// Used by one thread.

#include <cstdint>

#include "core/broadcast_reader.h"
#include "core/ring_reader.h"
#include "core/status.h"
#include "platform/process.h"

namespace shmwire {

struct SpinOptions {
  uint64_t spin_nanos = 0;  // how long to poll an empty ring at least; 0: one poll
  bool yield_cpu = false;   // then yield the core once, and poll again
};

// Reader: RingReader or BroadcastReader.
template <typename Reader>
class SpinWait {
 public:
  // `reader` must outlive the wait. `system_call_nanos`: of a system call that does nothing.
  explicit SpinWait(Reader* reader, uint64_t system_call_nanos = platform::SystemCallNanos())
      : reader_(reader), system_call_nanos_(system_call_nanos) {}

  // Returns when the reader has data, or when the options allow no further poll. Errors: kCorrupt.
  Status PollForData(SpinOptions options) {
    preempted_ = false;
    Status status = reader_->Poll();
    return !status.ok() || reader_->has_data() ? status : PollAgain(options);
  }
  // Whether the last PollForData yielded the core to another program that kept it for long. The
  // machine is busy then: the scheduler runs a sleeper that is woken sooner than one that polls.
  [[nodiscard]] bool preempted() const { return preempted_; }

 private:
  Status PollAgain(SpinOptions options);
  Status Spin(uint64_t nanos);
  Status Yield(bool spun);

  Reader* reader_;
  uint64_t system_call_nanos_;
  // How many further polls of an empty ring do not spin, because the peer shares this core.
  uint32_t polls_without_spin_ = 0;
  // The scheduler places a new pair without a nap.
  uint64_t last_nap_ = platform::MonotonicNanos();
  bool preempted_ = false;
};

extern template class SpinWait<RingReader>;
extern template class SpinWait<BroadcastReader>;

}  // namespace shmwire
