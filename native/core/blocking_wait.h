#pragma once

// Blocks a thread until the peer has published data, has released room, or is gone.
//
// A thread that blocks runs no JavaScript, so nothing can terminate it. A wait can therefore return
// kInterrupted every so often, and the caller calls Continue at once. That neither arms again nor
// reads the ring, because reading the ring by the clock would hide a lost wake-up.

#include <cstdint>
#include <limits>
#include <optional>

#include "core/ring_reader.h"
#include "core/ring_writer.h"
#include "core/segment.h"
#include "core/status.h"
#include "core/wake.h"
#include "platform/handle.h"

namespace shmwire {

enum class WaitOutcome : uint8_t {
  kReady,
  kTimeout,
  kClosed,       // the peer closed its segment, and nothing is left to read
  kPeerGone,     // the peer's process ended, and nothing is left to read
  kInterrupted,  // still waiting: call Continue
};

// What a blocking wait waits for: either, whichever comes first.
struct WaitFor {
  bool for_data = false;
  // Room for a payload of so many bytes, or for a full fragment of it.
  std::optional<uint64_t> room_length = std::nullopt;
  uint64_t timeout_nanos = 0;
  // How long a call takes at most before it returns kInterrupted. Default: no limit.
  uint64_t interrupt_nanos = std::numeric_limits<uint64_t>::max();
  // Tells whether the peer lives; without it, a peer that is killed does not end the wait.
  intptr_t control_socket = platform::Handle::kNone;
};

class BlockingWait {
 public:
  // All of them must outlive the wait.
  BlockingWait(const OwnSegment& own, const PeerSegment& peer, RingReader* reader,
               RingWriter* writer, Sleeper* data_sleeper, Sleeper* room_sleeper);

  // Errors: kCorrupt.
  Status Begin(const WaitFor& wait, WaitOutcome* outcome);
  // After kInterrupted, with no other call in between. The time goes on. Errors: kCorrupt;
  // kInvalidArgument (no wait was interrupted).
  Status Continue(WaitOutcome* outcome);

 private:
  enum class Sleep : uint8_t { kRung, kTimeout, kPeerGone, kInterrupted };

  // Arms and looks. True: the wait is over, with `*outcome` or the status.
  bool IsOver(Status* status, WaitOutcome* outcome);
  Status Look(bool* ready);
  void Arm();
  // Until the peer's signal word is another than `signal_`, or the clock is at `interrupt`.
  Sleep SleepUntilRung(uint64_t interrupt);
  Status Finish(Status status);
  [[nodiscard]] bool PeerClosed() const;

  ControlBlock* own_;
  const ControlBlock* peer_;
  RingReader* reader_;
  RingWriter* writer_;
  Sleeper* data_sleeper_;
  Sleeper* room_sleeper_;

  WaitFor wait_;  // as given to Begin
  bool interrupted_ = false;
  bool gone_ = false;
  uint32_t signal_ = 0;  // as it was before the words were armed
  uint64_t deadline_ = 0;
  uint64_t life_asked_ = 0;  // when a wait last asked whether the peer lives
};

}  // namespace shmwire
