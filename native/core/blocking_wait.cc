#include "core/blocking_wait.h"

#include <algorithm>
#include <limits>

#include "platform/process.h"
#include "platform/wait_word.h"

namespace shmwire {
namespace {

// How long a blocked wait may not notice that its peer was killed.
constexpr uint64_t kDeathCheckNanos = 20'000'000;

uint64_t After(uint64_t now, uint64_t nanos) {
  return now + std::min(nanos, std::numeric_limits<uint64_t>::max() - now);
}

}  // namespace

BlockingWait::BlockingWait(const OwnSegment& own, const PeerSegment& peer, RingReader* reader,
                           RingWriter* writer, Sleeper* data_sleeper, Sleeper* room_sleeper)
    : own_(own.control()),
      peer_(peer.control()),
      reader_(reader),
      writer_(writer),
      data_sleeper_(data_sleeper),
      room_sleeper_(room_sleeper) {}

bool BlockingWait::PeerClosed() const {
  // SYNC(close): stored in Endpoint::AnnounceClosed. seq_cst like all that a sleeper looks at after
  // arming.
  return peer_->state.LoadSeqCst() != static_cast<uint32_t>(SegmentState::kOpen);
}

Status BlockingWait::Look(bool* ready) {
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
  // SYNC(wake.signal): stored in Endpoint::RingSignal. Before arming: the new epoch may be rung at
  // once for what was read before, and is rung no more; that change has to end the wait.
  signal_ = peer_->signal.LoadSeqCst();
  Arm();
  // First closed, then the data: what the peer wrote before it closed is seen after its state.
  const bool closed = PeerClosed();
  bool ready = false;
  *status = Look(&ready);
  if (!status->ok()) return true;
  if (closed || gone_) {
    // Of a peer that reads no more, room is of no use.
    const bool has_data = wait_.for_data && reader_->has_data();
    const WaitOutcome end = closed ? WaitOutcome::kClosed : WaitOutcome::kPeerGone;
    *outcome = has_data ? WaitOutcome::kReady : end;
    return true;
  }
  if (ready) *outcome = WaitOutcome::kReady;
  return ready;
}

BlockingWait::Sleep BlockingWait::SleepUntilRung(uint64_t interrupt) {
  const bool watches = wait_.control_socket != platform::Handle::kNone;
  const uint64_t slice_nanos = watches ? kDeathCheckNanos : std::numeric_limits<uint64_t>::max();
  for (;;) {
    const uint64_t now = platform::MonotonicNanos();
    // A peer that was killed wakes nobody. By the time since the last question, whatever call asked
    // it: waits may be short, or cut short each time, by a profiler's signals or by a peer that
    // rings without end.
    if (watches && now - life_asked_ >= kDeathCheckNanos) {
      life_asked_ = now;
      if (platform::HasHungUp(wait_.control_socket)) return Sleep::kPeerGone;
    }
    if (now >= deadline_) return Sleep::kTimeout;
    if (now >= interrupt) return Sleep::kInterrupted;
    const uint64_t nanos = std::min(deadline_, interrupt) - now;
    platform::WaitOnWord(peer_->signal.address(), signal_, std::min(nanos, slice_nanos));
    // SYNC(wake.signal): stored in Endpoint::RingSignal. Nothing but a ring leads to a look: a
    // clock that did would hide a wake-up that was lost.
    if (peer_->signal.LoadSeqCst() != signal_) return Sleep::kRung;
  }
}

Status BlockingWait::Begin(const WaitFor& wait, WaitOutcome* outcome) {
  *outcome = WaitOutcome::kTimeout;
  deadline_ = After(platform::MonotonicNanos(), wait.timeout_nanos);
  wait_ = wait;
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
  // Of the whole call: a peer may ring without end.
  const uint64_t interrupt = After(platform::MonotonicNanos(), wait_.interrupt_nanos);
  Status status;
  for (bool in_time = true; in_time;) {
    const Sleep sleep = SleepUntilRung(interrupt);
    if (sleep == Sleep::kInterrupted) {
      *outcome = WaitOutcome::kInterrupted;
      return {};
    }
    gone_ = sleep == Sleep::kPeerGone;
    // One more look, for what a peer that is gone had committed, or for a ring at the last moment.
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
