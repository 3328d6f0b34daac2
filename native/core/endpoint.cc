#include "core/endpoint.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/cache_line.h"
#include "platform/bell.h"
#include "platform/process.h"
#include "platform/wait_word.h"

namespace shmwire {
namespace {

// Looks at the tail between two looks at the clock, which costs about as much as a pause.
constexpr int kLooksPerClock = 16;

// A yield that finds nobody else to run returns sooner: 0.3 us here, and a switch there and back
// takes more.
constexpr uint64_t kYieldNanosMax = 1'000;

// A yield that lasted longer went to a program that does not talk to us: a peer that shares our
// core gives it back after a message or two, and a scheduler's slice is 2 to 4 ms.
constexpr uint64_t kCoreLostNanos = 1'000'000;

// How often an end that shares its core asks for another one.
constexpr uint64_t kNapEveryNanos = 20'000'000;

// How long the finding that the peer shares our core holds. The price of a wrong one is so many
// looks that do not spin; of a right one that is forgotten, one spin in so many.
constexpr uint32_t kLooksWithoutSpin = 64;

uint64_t DeadlineAfter(uint64_t timeout_nanos) {
  const uint64_t now = platform::MonotonicNanos();
  return now + std::min(timeout_nanos, std::numeric_limits<uint64_t>::max() - now);
}

}  // namespace

Endpoint::Connection::Connection(const OwnSegment& own, const PeerSegment& peer,
                                 uint64_t message_bytes_max)
    : writer(own, peer),
      reader(peer, own, message_bytes_max),
      data_sleeper(&own.control()->data_wake),
      room_sleeper(&own.control()->room_wake),
      data_waker(&peer.control()->data_wake),
      room_waker(&peer.control()->room_wake),
      blocking_wait(own, peer, &reader, &writer, &data_sleeper, &room_sleeper) {}

Status Endpoint::CheckUsable() const {
  if (connection_.has_value()) return violation_;
  if (closed_) return Status::Error(StatusCode::kClosed, "the endpoint is closed");
  return Status::Error(StatusCode::kInvalidArgument, "the endpoint has no peer yet");
}

Status Endpoint::CheckLength(uint64_t length) const {
  if (length <= message_bytes_max_) return {};
  return Status::Error(StatusCode::kMessageTooLarge, "the message is longer than maxMessageBytes");
}

Status Endpoint::Note(Status status) {
  if (status.code() == StatusCode::kCorrupt) violation_ = status;
  return status;
}

void Endpoint::RingSignal() {
  SharedWord<uint32_t>& signal = own_.control()->signal;
  // SYNC(wake.signal): observed in BlockingWait::IsOver and SleepUntilRung. The change is what ends
  // the peer's wait; see wake.h. Behind the state, in AnnounceClosed. The load is relaxed: nobody
  // else writes the word.
  signal.StoreSeqCst(signal.LoadRelaxed() + 1);
  platform::WakeWord(signal.address());
}

void Endpoint::RingPeer(Ring ring, bool* doorbell) {
  SegmentCounters& counters = own_.control()->counters;
  if (ring == Ring::kDoorbell) {
    counters.doorbells_rung.AddOwned(1);
    *doorbell = true;
  } else if (ring == Ring::kSignal) {
    counters.signals_rung.AddOwned(1);
    RingSignal();
  }
}

Status Endpoint::Write(uint16_t kind, uint32_t id, const std::byte* payload, uint64_t length,
                       uint64_t* offset, bool* wrote, bool* doorbell) {
  *wrote = false;
  *doorbell = false;
  if (Status status = CheckUsable(); !status.ok()) return status;
  if (Status status = CheckLength(length); !status.ok()) return status;
  bool advanced = false;
  do {
    Status status = connection_->writer.WriteNext(kind, id, payload, length, offset, &advanced);
    if (!status.ok()) return Note(status);
    if (!advanced) break;
    *wrote = true;
    // After each fragment, so that the peer reads the first ones while we write the next.
    Publish(doorbell);
  } while (*offset < length);
  return {};
}

Status Endpoint::Claim(uint64_t length, int64_t* offset) {
  *offset = -1;
  if (Status status = CheckUsable(); !status.ok()) return status;
  if (Status status = CheckLength(length); !status.ok()) return status;
  std::byte* bytes = nullptr;
  Status status = connection_->writer.Claim(length, &bytes);
  if (bytes != nullptr) *offset = bytes - own_.data();
  return Note(status);
}

Status Endpoint::Commit(uint16_t kind, uint32_t id, uint64_t length, bool* doorbell) {
  *doorbell = false;
  if (Status status = CheckUsable(); !status.ok()) return status;
  if (!connection_->writer.Commit(kind, id, length)) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "no claim is open, or the record is longer than the claim");
  }
  Publish(doorbell);
  return {};
}

Status Endpoint::Abort() {
  if (!connection_.has_value()) return CheckUsable();
  connection_->writer.Abort();
  return {};
}

void Endpoint::Publish(bool* doorbell) {
  connection_->writer.Publish();
  RingPeer(connection_->data_waker.Check(), doorbell);
}

Status Endpoint::HasRoom(uint64_t length, bool* has_room) {
  *has_room = false;
  if (Status status = CheckUsable(); !status.ok()) return status;
  return Note(connection_->writer.HasRoom(length, has_room));
}

Status Endpoint::ArmForRoom(uint64_t length, bool* has_room) {
  *has_room = false;
  if (Status status = CheckUsable(); !status.ok()) return status;
  connection_->room_sleeper.Arm(SleepMode::kEventLoop);
  Status status = connection_->writer.HasRoom(length, has_room);
  if (!status.ok() || *has_room) {
    connection_->room_sleeper.Disarm();
  } else {
    own_.control()->counters.room_waits.AddOwned(1);
  }
  return Note(status);
}

Status Endpoint::DisarmForRoom() {
  if (!connection_.has_value()) return CheckUsable();
  connection_->room_sleeper.Disarm();
  return {};
}

Status Endpoint::Poll(bool* has_data) {
  Status status = connection_->reader.Poll();
  *has_data = status.ok() && connection_->reader.has_data();
  return status;
}

Status Endpoint::SpinForData(uint64_t spin_nanos, bool yield_cpu) {
  bool has_data = false;
  Status status = Poll(&has_data);
  if (!status.ok() || has_data) return status;
  const bool spin = spin_nanos != 0 && looks_without_spin_ == 0;
  if (spin) {
    const uint64_t deadline = DeadlineAfter(spin_nanos);
    do {
      for (int look = 0; look < kLooksPerClock; look++) {
        PauseCpu();
        status = Poll(&has_data);
        if (!status.ok() || has_data) return status;
      }
    } while (platform::MonotonicNanos() < deadline);
  }
  return yield_cpu ? YieldForData(spin) : Status();
}

Status Endpoint::YieldForData(bool spun) {
  const uint64_t start = platform::MonotonicNanos();
  platform::YieldCpu();
  const uint64_t nanos = platform::MonotonicNanos() - start;
  core_lost_ = nanos > kCoreLostNanos;
  const bool another_ran = nanos > kYieldNanosMax;
  if (another_ran && start - last_nap_ > kNapEveryNanos) {
    // Two that give one core to each other are never idle, and the scheduler leaves them there
    // although another core is.
    last_nap_ = start;
    platform::Nap();
  }
  bool has_data = false;
  Status status = Poll(&has_data);
  if (!spun) {
    if (looks_without_spin_ != 0) looks_without_spin_--;
  } else if (has_data && another_ran) {
    // What spinning did not bring and giving the core away did: the peer had been waiting for this
    // very core.
    looks_without_spin_ = kLooksWithoutSpin;
  }
  return status;
}

intptr_t Endpoint::LendBell() {
  if (!own_bell_.valid()) return platform::Handle::kNone;
  return lent_bell_.Lend(std::move(own_bell_));
}

Status Endpoint::RingBell() {
  if (Status status = CheckUsable(); !status.ok()) return status;
  return platform::RingBell(peer_bell_);
}

void Endpoint::ReleaseRead(bool* doorbell) {
  if (!connection_->reader.Release() || !connection_->reader.worth_ringing()) return;
  RingPeer(connection_->room_waker.Check(), doorbell);
}

Status Endpoint::Receive(Batch* batch, uint64_t spin_nanos, bool yield_cpu, bool* doorbell) {
  *doorbell = false;
  core_lost_ = false;
  if (Status status = CheckUsable(); !status.ok()) return status;
  if (Status status = SpinForData(spin_nanos, yield_cpu); !status.ok()) return Note(status);
  bool more = false;
  do {
    Status status = connection_->reader.Receive(batch, &more);
    if (batch->target != nullptr) ReleaseRead(doorbell);
    if (!status.ok()) {
      status = Note(status);
      return batch->count == 0 ? status : Status();
    }
  } while (more && batch->target != nullptr);
  return {};
}

Status Endpoint::Release(bool* doorbell) {
  *doorbell = false;
  // Also after a violation: what was shown before it has been seen.
  if (!connection_.has_value()) return CheckUsable();
  ReleaseRead(doorbell);
  return {};
}

Status Endpoint::Assemble(std::byte* target, uint64_t target_bytes, uint64_t spin_nanos,
                          bool yield_cpu, AssembledMessage* message, bool* doorbell) {
  *doorbell = false;
  *message = {};
  core_lost_ = false;
  if (Status status = CheckUsable(); !status.ok()) return status;
  if (Status status = SpinForData(spin_nanos, yield_cpu); !status.ok()) return Note(status);
  bool more = false;
  do {
    Status status = connection_->reader.Assemble(target, target_bytes, message, &more);
    ReleaseRead(doorbell);
    if (!status.ok()) return Note(status);
  } while (more);
  return {};
}

Status Endpoint::ArmForData(bool* has_data) {
  *has_data = false;
  if (Status status = CheckUsable(); !status.ok()) return status;
  connection_->data_sleeper.Arm(SleepMode::kEventLoop);
  Status status = Poll(has_data);
  if (!status.ok() || *has_data) {
    connection_->data_sleeper.Disarm();
  } else {
    own_.control()->counters.data_waits.AddOwned(1);
  }
  return Note(status);
}

Status Endpoint::DisarmForData() {
  if (!connection_.has_value()) return CheckUsable();
  connection_->data_sleeper.Disarm();
  return {};
}

Status Endpoint::Wait(const WaitFor& wait, WaitOutcome* outcome) {
  *outcome = WaitOutcome::kTimeout;
  if (Status status = CheckUsable(); !status.ok()) return status;
  return Note(connection_->blocking_wait.Begin(wait, outcome));
}

Status Endpoint::ContinueWait(WaitOutcome* outcome) {
  *outcome = WaitOutcome::kTimeout;
  if (Status status = CheckUsable(); !status.ok()) return status;
  return Note(connection_->blocking_wait.Continue(outcome));
}

Status Endpoint::Freeze() {
  if (Status status = CheckUsable(); !status.ok()) return status;
  return Note(connection_->reader.Freeze());
}

Status Endpoint::DepthBytes(uint64_t* bytes) {
  *bytes = 0;
  if (Status status = CheckUsable(); !status.ok()) return status;
  return Note(connection_->writer.DepthBytes(bytes));
}

void Endpoint::AnnounceClosed() {
  if (!own_.valid()) return;
  // SYNC(close): observed in BlockingWait::PeerClosed.
  own_.control()->state.StoreSeqCst(static_cast<uint32_t>(SegmentState::kClosed));
  // Unasked: a peer about to sleep sees the state or the changed signal.
  RingSignal();
}

void Endpoint::Close() {
  if (closed_) return;
  AnnounceClosed();
  closed_ = true;
  connection_.reset();
  own_bell_.Close();
  lent_bell_.Reclaim();
  peer_bell_.Close();
  peer_ = PeerSegment();
  own_ = OwnSegment();
}

}  // namespace shmwire
