#include "core/endpoint.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/ring_layout.h"
#include "platform/doorbell.h"
#include "platform/process.h"
#include "platform/wait_word.h"

namespace shmwire {

Endpoint::Connection::Connection(const OwnSegment& own, const PeerSegment& peer,
                                 const platform::WaitObjects& wait_objects,
                                 uint64_t message_bytes_max)
    : writer(own, peer),
      reader(peer, own, message_bytes_max),
      data_sleeper(&own.control()->data_wake),
      room_sleeper(&own.control()->room_wake),
      data_waker(&peer.control()->data_wake),
      room_waker(&peer.control()->room_wake),
      wake_times(own.control(), peer.control()),
      spin_wait(&reader),
      blocking_wait(own, peer, wait_objects, &reader, &writer, &data_sleeper, &room_sleeper) {}

Status Endpoint::CheckUsable() const {
  if (connection_.has_value()) return violation_;
  if (closed_) return Status::Error(StatusCode::kClosed, "the endpoint is closed");
  return Status::Error(StatusCode::kInvalidArgument, "the endpoint has no peer yet");
}

Status Endpoint::CheckLength(uint64_t length) const {
  if (length <= message_bytes_max_) return {};
  return Status::Error(StatusCode::kMessageTooLarge, "the message is longer than maxMessageBytes");
}

Status Endpoint::KeepViolation(Status status) {
  if (status.code() == StatusCode::kCorrupt) violation_ = status;
  return status;
}

void Endpoint::WakeBlockedPeer() {
  SharedWord<uint32_t>& sequence = own_.control()->wake_sequence;
  // SYNC(wake.sequence): observed in BlockingWait::IsOver and SleepUntilWoken. The change ends the
  // peer's wait: see wake.h. In AnnounceClosed, after the state. Relaxed load: it has one writer.
  sequence.StoreSeqCst(sequence.LoadRelaxed() + 1);
  platform::WakeWord(sequence.address(), wait_objects_.own_event());
}

void Endpoint::WakePeer(WakeAction action, bool* needs_wake) {
  if (action == WakeAction::kNone) return;
  connection_->wake_times.WakesPeer(platform::MonotonicNanos());
  SegmentCounters& counters = own_.control()->counters;
  if (action == WakeAction::kDoorbell) {
    counters.doorbell_wakes.AddOwned(1);
    *needs_wake = true;
  } else {
    counters.sequence_wakes.AddOwned(1);
    WakeBlockedPeer();
  }
}

Status Endpoint::Write(uint16_t kind, uint32_t id, const std::byte* payload, uint64_t length,
                       uint64_t* offset, bool* wrote, bool* needs_wake) {
  *wrote = false;
  *needs_wake = false;
  if (Status status = CheckUsable(); !status.ok()) return status;
  if (Status status = CheckLength(length); !status.ok()) return status;
  bool advanced = false;
  do {
    Status status = connection_->writer.WriteNext(kind, id, payload, length, offset, &advanced);
    if (!status.ok()) return KeepViolation(status);
    if (!advanced) {
      PublishGrowth(needs_wake);
      break;
    }
    *wrote = true;
    // After each fragment, so that the peer reads it while this side writes the next one.
    Publish(needs_wake);
  } while (*offset < length);
  return {};
}

Status Endpoint::WriteRecords(const std::byte* records, uint64_t length, uint64_t* taken,
                              bool* needs_wake) {
  *taken = 0;
  *needs_wake = false;
  if (Status status = CheckUsable(); !status.ok()) return status;
  Status status;
  while (*taken < length) {
    uint64_t span = 0;
    status = WriteRecord(records + *taken, length - *taken, &span);
    if (span == 0) break;
    *taken += span;
  }
  if (*taken != 0) {
    Publish(needs_wake);
  } else {
    PublishGrowth(needs_wake);
  }
  return status;
}

Status Endpoint::WriteRecord(const std::byte* record, uint64_t bytes_left, uint64_t* span) {
  *span = 0;
  RecordHeader header = {};
  if (bytes_left >= kRecordHeaderBytes) std::memcpy(&header, record, kRecordHeaderBytes);
  RingWriter& writer = connection_->writer;
  if (header.kind == 0 || header.length > writer.inline_bytes_max() ||
      RecordSpan(header.length) > bytes_left) {
    return Status::Error(
        StatusCode::kInvalidArgument,
        "a record has kind 0, is cut off, or is longer than an eighth of the ring");
  }
  if (Status status = CheckLength(header.length); !status.ok()) return status;
  uint64_t offset = 0;
  bool wrote = false;
  Status status = writer.WriteNext(header.kind, header.id, record + kRecordHeaderBytes,
                                   header.length, &offset, &wrote);
  if (wrote) *span = RecordSpan(header.length);
  return KeepViolation(status);
}

Status Endpoint::Claim(uint64_t length, int64_t* offset, bool* needs_wake) {
  *offset = -1;
  *needs_wake = false;
  if (Status status = CheckUsable(); !status.ok()) return status;
  if (Status status = CheckLength(length); !status.ok()) return status;
  std::byte* bytes = nullptr;
  Status status = connection_->writer.Claim(length, &bytes);
  if (!status.ok()) return KeepViolation(status);
  if (bytes != nullptr) {
    *offset = bytes - own_.data();
  } else {
    PublishGrowth(needs_wake);
  }
  return {};
}

Status Endpoint::Commit(uint16_t kind, uint32_t id, uint64_t length, bool* needs_wake) {
  *needs_wake = false;
  if (Status status = CheckUsable(); !status.ok()) return status;
  if (!connection_->writer.Commit(kind, id, length)) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "no claim is open, or the record is longer than the claim");
  }
  Publish(needs_wake);
  return {};
}

Status Endpoint::Abort() {
  if (!connection_.has_value()) return CheckUsable();
  connection_->writer.Abort();
  return {};
}

void Endpoint::Publish(bool* needs_wake) {
  connection_->writer.Publish();
  WakePeer(connection_->data_waker.Check(), needs_wake);
}

void Endpoint::PublishGrowth(bool* needs_wake) {
  if (connection_->writer.has_unpublished()) Publish(needs_wake);
}

uint64_t Endpoint::InlineBytesMax() const {
  return connection_.has_value() ? connection_->writer.inline_bytes_max() : 0;
}

Status Endpoint::HasRoom(uint64_t length, bool* has_room) {
  *has_room = false;
  if (Status status = CheckUsable(); !status.ok()) return status;
  return KeepViolation(connection_->writer.HasRoom(length, has_room));
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
  return KeepViolation(status);
}

Status Endpoint::DisarmForRoom() {
  if (!connection_.has_value()) return CheckUsable();
  connection_->room_sleeper.Disarm();
  return {};
}

intptr_t Endpoint::TransferDoorbell() {
  if (!own_doorbell_.valid()) return platform::Handle::kNone;
  return event_loop_doorbell_.Transfer(std::move(own_doorbell_));
}

Status Endpoint::WakeThroughDoorbell() {
  if (Status status = CheckUsable(); !status.ok()) return status;
  return platform::WakeThroughDoorbell(peer_doorbell_);
}

void Endpoint::ReleaseRead(bool* needs_wake) {
  if (!connection_->reader.Release() || !connection_->reader.worth_waking()) return;
  WakePeer(connection_->room_waker.Check(), needs_wake);
}

Status Endpoint::Receive(Batch* batch, SpinOptions options, bool* needs_wake) {
  *needs_wake = false;
  if (Status status = CheckUsable(); !status.ok()) return status;
  if (Status status = connection_->spin_wait.PollForData(options); !status.ok()) {
    return KeepViolation(status);
  }
  bool more = false;
  do {
    Status status = connection_->reader.Receive(batch, &more);
    // Nothing is held: padding and growth steps are released at once.
    if (batch->target != nullptr || batch->count == 0) ReleaseRead(needs_wake);
    if (!status.ok()) {
      status = KeepViolation(status);
      return batch->count == 0 ? status : Status();
    }
  } while (more && batch->target != nullptr);
  return {};
}

Status Endpoint::Release(bool* needs_wake) {
  *needs_wake = false;
  // After a violation, too: the receiver has read the messages before it.
  if (!connection_.has_value()) return CheckUsable();
  ReleaseRead(needs_wake);
  return {};
}

Status Endpoint::Assemble(std::byte* target, uint64_t target_bytes, SpinOptions options,
                          AssembledMessage* message, bool* needs_wake) {
  *needs_wake = false;
  *message = {};
  if (Status status = CheckUsable(); !status.ok()) return status;
  if (Status status = connection_->spin_wait.PollForData(options); !status.ok()) {
    return KeepViolation(status);
  }
  bool more = false;
  do {
    Status status = connection_->reader.Assemble(target, target_bytes, message, &more);
    ReleaseRead(needs_wake);
    if (!status.ok()) return KeepViolation(status);
  } while (more);
  return {};
}

Status Endpoint::ArmForData(bool* has_data) {
  *has_data = false;
  if (Status status = CheckUsable(); !status.ok()) return status;
  connection_->data_sleeper.Arm(SleepMode::kEventLoop);
  Status status = connection_->reader.Poll();
  *has_data = status.ok() && connection_->reader.has_data();
  if (!status.ok() || *has_data) {
    connection_->data_sleeper.Disarm();
  } else {
    own_.control()->counters.data_waits.AddOwned(1);
  }
  return KeepViolation(status);
}

Status Endpoint::DisarmForData() {
  if (!connection_.has_value()) return CheckUsable();
  connection_->data_sleeper.Disarm();
  return {};
}

Status Endpoint::Wait(const WaitFor& wait, WaitOutcome* outcome) {
  *outcome = WaitOutcome::kTimeout;
  if (Status status = CheckUsable(); !status.ok()) return status;
  return KeepViolation(connection_->blocking_wait.Begin(wait, outcome));
}

Status Endpoint::ContinueWait(WaitOutcome* outcome) {
  *outcome = WaitOutcome::kTimeout;
  if (Status status = CheckUsable(); !status.ok()) return status;
  return KeepViolation(connection_->blocking_wait.Continue(outcome));
}

Status Endpoint::Woken(uint64_t waited_nanos, uint64_t* wake_nanos) {
  *wake_nanos = 0;
  if (!connection_.has_value()) return CheckUsable();
  const uint64_t now = platform::MonotonicNanos();
  *wake_nanos = connection_->wake_times.Woken(now - std::min(waited_nanos, now), now);
  return {};
}

Status Endpoint::PeerWakeNanos(uint64_t waited_nanos, uint64_t* wake_nanos) const {
  *wake_nanos = 0;
  if (!connection_.has_value()) return CheckUsable();
  const uint64_t now = platform::MonotonicNanos();
  *wake_nanos = connection_->wake_times.PeerWakeNanos(now - std::min(waited_nanos, now), now);
  return {};
}

Status Endpoint::Freeze() {
  if (Status status = CheckUsable(); !status.ok()) return status;
  return KeepViolation(connection_->reader.Freeze());
}

Status Endpoint::DepthBytes(uint64_t* bytes) {
  *bytes = 0;
  if (Status status = CheckUsable(); !status.ok()) return status;
  return KeepViolation(connection_->writer.DepthBytes(bytes));
}

void Endpoint::AnnounceClosed() {
  if (!own_.valid()) return;
  // SYNC(close): observed in BlockingWait::PeerClosed.
  own_.control()->state.StoreSeqCst(static_cast<uint32_t>(SegmentState::kClosed));
  // Without a check of the wake words: a peer that is about to sleep sees the state or the change.
  WakeBlockedPeer();
}

void Endpoint::Close() {
  if (closed_) return;
  AnnounceClosed();
  closed_ = true;
  connection_.reset();
  own_doorbell_.Close();
  event_loop_doorbell_.Reclaim();
  peer_doorbell_.Close();
  wait_objects_ = platform::WaitObjects();
  peer_ = PeerSegment();
  own_ = OwnSegment();
}

}  // namespace shmwire
