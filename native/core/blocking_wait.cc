#include "core/blocking_wait.h"

#include <algorithm>
#include <limits>

#include "platform/process.h"
#include "platform/wait_word.h"

namespace shmwire {
namespace {

// How long a blocked wait may not notice that its peer was killed.
constexpr uint64_t kDeathCheckNanos = 20'000'000;

}  // namespace

BlockingWait::BlockingWait(const OwnSegment& own, const PeerSegment& peer,
                           const platform::WaitObjects& objects, RingReader* reader,
                           RingWriter* writer, Sleeper* data_sleeper, Sleeper* room_sleeper)
    : own_(own.control()),
      peer_(peer.control()),
      objects_(&objects),
      reader_(reader),
      writer_(writer),
      data_sleeper_(data_sleeper),
      room_sleeper_(room_sleeper) {}

bool BlockingWait::PeerClosed() const {
  // SYNC(close): stored in Endpoint::AnnounceClosed. seq_cst like every load after an arming.
  return peer_->state.LoadSeqCst() != static_cast<uint32_t>(SegmentState::kOpen);
}

Status BlockingWait::Poll(bool* ready) {
  *ready = false;
  if (wait_.for_data) {
    if (Status status = reader_->Poll(); !status.ok()) return status;
    *ready = reader_->has_data();
    if (*ready) return {};
  }
  return wait_.room_length.has_value() ? writer_->HasRoom(*wait_.room_length, ready) : Status();
}

void BlockingWait::Arm() {
  if (wait_.for_data) data_sleeper_->Arm(SleepMode::kBlocked);
  if (wait_.room_length.has_value()) room_sleeper_->Arm(SleepMode::kBlocked);
}

bool BlockingWait::IsOver(Status* status, WaitOutcome* outcome) {
  // SYNC(wake.sequence): stored in Endpoint::WakeBlockedPeer. Read before the arming: the peer may
  // use the new epoch's only wake-up for a record that was already read, and its change of the
  // sequence must still end the wait.
  wake_sequence_ = peer_->wake_sequence.LoadSeqCst();
  Arm();
  // The state first, then the data: a load that sees the close comes after all that was published.
  const bool closed = PeerClosed();
  bool ready = false;
  *status = Poll(&ready);
  if (!status->ok()) return true;
  if (closed || gone_) {
    // Room is useless when the peer reads no more.
    const bool has_data = wait_.for_data && reader_->has_data();
    const WaitOutcome end = closed ? WaitOutcome::kClosed : WaitOutcome::kPeerGone;
    *outcome = has_data ? WaitOutcome::kReady : end;
    return true;
  }
  if (ready) *outcome = WaitOutcome::kReady;
  return ready;
}

BlockingWait::Sleep BlockingWait::SleepUntilWoken(uint64_t interrupt) {
  const bool watches = wait_.control_socket != platform::Handle::kNone;
  const uint64_t slice_nanos = watches ? kDeathCheckNanos : std::numeric_limits<uint64_t>::max();
  for (;;) {
    const uint64_t now = platform::MonotonicNanos();
    // A killed peer does not wake us. The time since the last check counts, whichever call made it:
    // a wait may be short, or interrupted by a profiler's signals or by wake-ups without end.
    if (watches && now - peer_checked_ >= kDeathCheckNanos) {
      peer_checked_ = now;
      if (platform::HasHungUp(wait_.control_socket)) return Sleep::kPeerGone;
    }
    if (now >= deadline_) return Sleep::kTimeout;
    if (now >= interrupt) return Sleep::kInterrupted;
    const uint64_t nanos = std::min(deadline_, interrupt) - now;
    platform::WaitOnWord(peer_->wake_sequence.address(), wake_sequence_,
                         std::min(nanos, slice_nanos), objects_->peer_event());
    // SYNC(wake.sequence): stored in Endpoint::WakeBlockedPeer. Only a wake-up leads to a poll: a
    // poll by the clock would hide a lost wake-up.
    if (peer_->wake_sequence.LoadSeqCst() != wake_sequence_) return Sleep::kWoken;
  }
}

Status BlockingWait::Begin(const WaitFor& wait, WaitOutcome* outcome) {
  *outcome = WaitOutcome::kTimeout;
  deadline_ = platform::DeadlineAfter(wait.timeout_nanos);
  wait_ = wait;
  if (objects_->peer_process().valid()) wait_.control_socket = objects_->peer_process().native();
  gone_ = false;
  interrupted_ = false;
  Status status;
  if (IsOver(&status, outcome)) return Finish(status);
  interrupted_ = true;
  return Continue(outcome);
}

Status BlockingWait::Continue(WaitOutcome* outcome) {
  *outcome = WaitOutcome::kTimeout;
  if (!interrupted_) {
    return Status::Error(StatusCode::kInvalidArgument, "no wait was interrupted; begin one");
  }
  // For the whole call: a peer may wake us without end.
  const uint64_t interrupt = platform::DeadlineAfter(wait_.interrupt_nanos);
  Status status;
  for (bool in_time = true; in_time;) {
    const Sleep sleep = SleepUntilWoken(interrupt);
    if (sleep == Sleep::kInterrupted) {
      *outcome = WaitOutcome::kInterrupted;
      return {};
    }
    gone_ = sleep == Sleep::kPeerGone;
    // One more poll, for data that the peer published before it ended or at the last moment.
    in_time = !gone_ && platform::MonotonicNanos() < deadline_;
    if (IsOver(&status, outcome)) break;
  }
  return Finish(status);
}

Status BlockingWait::Finish(Status status) {
  interrupted_ = false;
  own_->counters.data_waits.AddOwned(wait_.for_data ? 1 : 0);
  own_->counters.room_waits.AddOwned(wait_.room_length.has_value() ? 1 : 0);
  data_sleeper_->Disarm();
  room_sleeper_->Disarm();
  return status;
}

}  // namespace shmwire
