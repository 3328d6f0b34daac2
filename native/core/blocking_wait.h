#pragma once

// Blocks a thread until the peer has published data, has released room, or has ended.
//
// A thread that blocks runs no JavaScript, so a worker cannot be terminated meanwhile. Therefore a
// wait can return kInterrupted after a bound, and the caller calls Continue at once. Continue
// neither arms again nor polls the ring: a poll by the clock would hide a lost wake-up.

#include <cstdint>
#include <limits>
#include <optional>

#include "core/ring_reader.h"
#include "core/ring_writer.h"
#include "core/segment.h"
#include "core/status.h"
#include "core/wake.h"
#include "platform/handle.h"
#include "platform/wait_objects.h"

namespace shmwire {

enum class WaitOutcome : uint8_t {
  kReady,
  kTimeout,
  kClosed,       // the peer closed its segment, and no data is left
  kPeerGone,     // the peer's process ended, and no data is left
  kInterrupted,  // still waiting: call Continue
};

// A wait for data, for room, or for the first of both.
struct WaitFor {
  bool for_data = false;
  // Room for a payload of this many bytes, or for a full fragment of it.
  std::optional<uint64_t> room_length = std::nullopt;
  uint64_t timeout_nanos = 0;
  // How long one call blocks before it returns kInterrupted. Default: no limit.
  uint64_t interrupt_nanos = std::numeric_limits<uint64_t>::max();
  // Hangs up when the peer ends. Without it, the death of the peer does not end the wait. Not used
  // where the wait watches the peer's process.
  intptr_t control_socket = platform::Handle::kNone;
};

class BlockingWait {
 public:
  // The arguments must outlive the wait.
  BlockingWait(const OwnSegment& own, const PeerSegment& peer, const platform::WaitObjects& objects,
               RingReader* reader, RingWriter* writer, Sleeper* data_sleeper,
               Sleeper* room_sleeper);

  // Errors: kCorrupt.
  Status Begin(const WaitFor& wait, WaitOutcome* outcome);
  // Call it after kInterrupted, with no other call in between. The timeout keeps running. Errors:
  // kCorrupt; kInvalidArgument (no wait was interrupted).
  Status Continue(WaitOutcome* outcome);

 private:
  enum class Sleep : uint8_t { kWoken, kTimeout, kPeerGone, kInterrupted };

  // Arms and polls. True: the wait has ended, with `*outcome` or the status.
  bool IsOver(Status* status, WaitOutcome* outcome);
  Status Poll(bool* ready);
  void Arm();
  // Sleeps until the peer changes its wake sequence, or until a bound.
  Sleep SleepUntilWoken(uint64_t interrupt);
  Status Finish(Status status);
  [[nodiscard]] bool PeerClosed() const;

  ControlBlock* own_;
  const ControlBlock* peer_;
  const platform::WaitObjects* objects_;
  RingReader* reader_;
  RingWriter* writer_;
  Sleeper* data_sleeper_;
  Sleeper* room_sleeper_;

  WaitFor wait_;
  bool interrupted_ = false;
  bool gone_ = false;
  uint32_t wake_sequence_ = 0;  // the peer's, before the words were armed
  uint64_t deadline_ = 0;
  uint64_t peer_checked_ = 0;  // when a wait last checked that the peer is alive
};

}  // namespace shmwire
