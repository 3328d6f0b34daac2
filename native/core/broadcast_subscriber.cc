#include "core/broadcast_subscriber.h"

namespace shmwire {

Status BroadcastSubscriber::CheckUsable() const {
  if (open_.has_value()) return violation_;
  if (Status status = attachment_.CheckAttached(); !status.ok()) return status;
  return Status::Error(StatusCode::kInvalidArgument, "the reader has no position yet; seek first");
}

Status BroadcastSubscriber::KeepViolation(Status status) {
  if (status.code() == StatusCode::kCorrupt) violation_ = status;
  return status;
}

Status BroadcastSubscriber::AttachOwn(BroadcastPublisher* publisher, uint32_t* reader) {
  WriterAttachment* writer = publisher->attachment();
  if (Status status = writer->CheckOpen(); !status.ok()) return status;
  // First, so that nothing fails after the attachment.
  if (blocks_) {
    if (Status status = publisher->ReserveBlocking(); !status.ok()) return status;
  }
  Status status = attachment_.AttachOwn(writer->own(), writer->readers(), reader);
  return status.ok() && blocks_ ? publisher->AddBlocking(*reader) : status;
}

bool BroadcastSubscriber::LoadClosed() const {
  // SYNC(broadcast.close): stored in WriterAttachment::AnnounceClosed. seq_cst like every load
  // after an arming.
  return attachment_.writer().control_as<BroadcastControl>()->state.LoadSeqCst() !=
         static_cast<uint32_t>(SegmentState::kOpen);
}

void BroadcastSubscriber::Release(bool* writer_waits) {
  *writer_waits = false;
  if (!blocks_) return;
  // SYNC(broadcast.release): observed in ReaderHeads::Refresh. seq_cst for SYNC(wake.arm), B1. The
  // copies are complete: IsIntact has loaded intent after them.
  attachment_.control()->head.StoreSeqCst(open_->reader.position() | kHeadStarted);
  *writer_waits = open_->room_waker.Check() != WakeAction::kNone;
}

Status BroadcastSubscriber::Seek(SeekStart start, uint64_t sequence, uint64_t* next_sequence) {
  *next_sequence = 0;
  if (Status status = attachment_.CheckAttached(); !status.ok()) return status;
  if (!violation_.ok()) return violation_;
  const bool is_first = !open_.has_value();
  if (blocks_ && !is_first) {
    // The writer has kept no room for an older one.
    return Status::Error(StatusCode::kInvalidArgument,
                         "a blocking reader has its position already");
  }
  if (is_first) open_.emplace(attachment_.writer());
  Status status = open_->reader.Seek(start, sequence);
  *next_sequence = open_->reader.next_sequence();
  if (status.ok()) {
    bool ignored = false;  // the program reports room after every first Seek
    Release(&ignored);
  } else if (is_first) {
    open_.reset();
  }
  return KeepViolation(status);
}

Status BroadcastSubscriber::Receive(BroadcastBatch* batch, SpinOptions options,
                                    Received* received) {
  *received = {};
  if (Status status = CheckUsable(); !status.ok()) return status;
  Status status = open_->spin_wait.PollForData(options);
  received->preempted = open_->spin_wait.preempted();
  BroadcastReader& reader = open_->reader;
  // The state first, then the tail: a load that sees the close comes after all that was published.
  if (status.ok() && !reader.has_data() && LoadClosed()) {
    status = reader.Poll();
    received->closed = status.ok() && !reader.has_data();
  }
  const uint64_t position = reader.position();
  if (status.ok()) status = reader.Receive(batch);
  if (reader.position() != position) Release(&received->writer_waits);
  return KeepViolation(status);
}

Status BroadcastSubscriber::Stop() {
  if (Status status = CheckUsable(); !status.ok()) return status;
  return KeepViolation(open_->reader.Stop());
}

Status BroadcastSubscriber::Arm(bool* ready) {
  *ready = false;
  if (Status status = CheckUsable(); !status.ok()) return status;
  attachment_.sleeper()->Arm(SleepMode::kEventLoop);
  const bool closed = LoadClosed();
  Status status = open_->reader.Poll();
  *ready = status.ok() && (closed || open_->reader.has_data());
  if (!status.ok() || *ready) attachment_.sleeper()->Disarm();
  return KeepViolation(status);
}

void BroadcastSubscriber::Close() {
  // First: it points into memory that Close drops.
  open_.reset();
  attachment_.Close();
}

}  // namespace shmwire
