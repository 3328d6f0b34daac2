#include "core/ring_reader.h"

#include "core/cache_line.h"

namespace shmwire {
namespace {

Status Corrupt(const char* context) { return Status::Error(StatusCode::kCorrupt, context); }

constexpr uint64_t AlignTarget(uint64_t offset) {
  return (offset + kTargetAlignment - 1) & ~(kTargetAlignment - 1);
}

}  // namespace

RingReader::RingReader(const PeerSegment& peer, const OwnSegment& own, uint64_t message_bytes_max)
    : peer_(&peer),
      own_accepted_(&own.control()->accepted),
      data_(peer.data()),
      peer_tail_word_(&peer.control()->tail),
      own_head_(&own.control()->head),
      counters_(&own.control()->counters),
      growth_(peer.elastic() ? Growth::kSmall : Growth::kDone),
      capacity_(peer.elastic() ? kSmallRingBytes : peer.ring_bytes()),
      ahead_max_(capacity_),
      inline_bytes_max_(InlineBytesMax(capacity_)),
      message_bytes_max_(message_bytes_max) {}

Status RingReader::Freeze() {
  Status status = Poll();
  frozen_ = true;
  return status;
}

Status RingReader::Poll() {
  if (frozen_) return {};
  // SYNC(ring.publish): stored in RingWriter::Publish. seq_cst for SYNC(wake.arm), A2.
  const uint64_t tail = peer_tail_word_->LoadSeqCst();
  if (tail == tail_) return {};
  if (tail % kRecordAlignment != 0) return Corrupt("the peer's tail is not aligned");
  if (tail - head_ < tail_ - head_) return Corrupt("the peer's tail moved back");
  if (tail - head_ > ahead_max_) return Corrupt("the peer's tail is more than a ring ahead");
  tail_ = tail;
  // The record's header and the bytes after it: both lines arrive in one wait.
  PrefetchForRead(At(head_));
  PrefetchForRead(At(head_) + kPrefetchStep);
  return {};
}

bool RingReader::Release() {
  if (head_ == released_) return false;
  released_ = head_;
  // SYNC(ring.release): observed in RingWriter::RefreshHead. seq_cst for SYNC(wake.arm), B1.
  own_head_->StoreSeqCst(head_);
  return true;
}

Status RingReader::CheckPad(const RecordHeader& header) const {
  const uint64_t length = header.length & ~kPadBit;
  const uint64_t left_bytes = capacity_ - (head_ & (capacity_ - 1));
  if (header.flags != 0) return Corrupt("a pad has flags");
  if (kRecordHeaderBytes + length != left_bytes) return Corrupt("a pad does not end with the ring");
  if (left_bytes > tail_ - head_) return Corrupt("a pad is longer than the published bytes");
  if (length >= inline_bytes_max_) return Corrupt("a pad is as long as a record");
  return {};
}

Status RingReader::CheckFragment(const RecordHeader& header) const {
  const bool is_last = (header.flags & kFlagLast) != 0;
  if ((header.flags & kFlagFirst) != 0) return Corrupt("a message begins inside another");
  if (header.kind != message_.kind || header.id != message_.id) {
    return Corrupt("a fragment belongs to another message");
  }
  if (header.length == 0) return Corrupt("a fragment is empty");
  const uint64_t missing_bytes = message_.total_bytes - message_.received_bytes;
  if (header.length > missing_bytes) return Corrupt("fragments are longer than their message");
  if (is_last != (header.length == missing_bytes)) {
    return Corrupt("the last fragment does not end its message");
  }
  return {};
}

Status RingReader::CheckRecord(const RecordHeader& header) const {
  const uint64_t span = RecordSpan(header.length);
  if (header.length > inline_bytes_max_) {
    return Corrupt("a record is longer than an eighth of the ring");
  }
  if (span > tail_ - head_) return Corrupt("a record is longer than the published bytes");
  if (span > capacity_ - (head_ & (capacity_ - 1))) {
    return Corrupt("a record passes the ring's end");
  }
  if ((header.flags & ~kFlagsWhole) != 0) return Corrupt("a record has unknown flags");
  if (header.sequence != sequence_) return Corrupt("a record is out of sequence");
  if (message_.active) return CheckFragment(header);
  if ((header.flags & kFlagFirst) == 0) {
    return Corrupt("a message does not begin with its first fragment");
  }
  if ((header.flags & kFlagLast) != 0 && header.length > message_bytes_max_) {
    return Corrupt("a message is longer than maxMessageBytes");
  }
  return {};
}

Status RingReader::TakeStep(const RecordHeader& header) {
  if (header.length != 0 || header.flags != 0 || header.sequence != 0) {
    return Corrupt("a record has no kind");
  }
  switch (static_cast<GrowthStep>(header.id)) {
    case GrowthStep::kOffer:
      return TakeOffer();
    case GrowthStep::kMove:
      return TakeMove();
  }
  return Corrupt("a record has no kind");
}

Status RingReader::TakeOffer() {
  if (growth_ != Growth::kSmall) return Corrupt("a ring that cannot grow is offered to grow");
  head_ += kRecordHeaderBytes;
  if (!peer_->CheckPages().ok()) {
    // Not a violation: pages of an honest peer may be swapped out. The ring works as it is.
    growth_ = Growth::kRefused;
    return {};
  }
  growth_ = Growth::kAccepted;
  ahead_max_ = peer_->ring_bytes();
  // SYNC(ring.accept): observed in RingWriter::MayMove. Relaxed: Release publishes it with the
  // head.
  own_accepted_->StoreRelaxed(1);
  return {};
}

Status RingReader::TakeMove() {
  if (growth_ != Growth::kAccepted) return Corrupt("a ring moves that was not accepted");
  const uint64_t next = PositionAfterMove(head_, peer_->ring_bytes());
  if (next - head_ > tail_ - head_) return Corrupt("a ring moves past the published bytes");
  head_ = next;
  growth_ = Growth::kDone;
  capacity_ = ahead_max_;
  inline_bytes_max_ = InlineBytesMax(capacity_);
  return {};
}

Status RingReader::NextRecord(RecordHeader* header, bool* found) {
  while (head_ != tail_) {
    *header = LoadRecordHeader(At(head_));
    if (header->kind != 0) {
      Status status = CheckRecord(*header);
      *found = status.ok();
      return status;
    }
    Status status;
    if ((header->length & kPadBit) == 0) {
      status = TakeStep(*header);
    } else if (status = CheckPad(*header); status.ok()) {
      head_ += kRecordHeaderBytes + (header->length & ~kPadBit);
    }
    if (!status.ok()) return status;
  }
  *found = false;
  return {};
}

void RingReader::Consume(uint64_t length) {
  head_ += RecordSpan(length);
  sequence_++;  // wraps
}

Status RingReader::BeginMessage(const RecordHeader& header) {
  if (header.length <= kFragmentTotalBytes) return Corrupt("a first fragment is empty");
  const auto* total = reinterpret_cast<const SharedWord<uint64_t>*>(At(head_) + kRecordHeaderBytes);
  const uint64_t total_bytes = total->LoadRelaxed();  // once: the peer may still write
  if (total_bytes > message_bytes_max_) return Corrupt("a message is longer than maxMessageBytes");
  if (total_bytes <= header.length - kFragmentTotalBytes) {
    return Corrupt("a first fragment is longer than its message");
  }
  message_ = {.active = true,
              .first_unread = true,
              .kind = header.kind,
              .id = header.id,
              .total_bytes = total_bytes,
              .received_bytes = 0,
              .first_length = header.length};
  return {};
}

// False: the message does not fit, and stays in the ring.
inline bool RingReader::TakeWhole(const RecordHeader& header, Batch* batch) {
  uint64_t offset = 0;
  if (batch->target == nullptr) {
    offset = (head_ & (capacity_ - 1)) + kRecordHeaderBytes;
  } else if (header.length != 0) {
    // An empty message fits anywhere, even where the alignment would lead past the end.
    offset = AlignTarget(batch->offset);
    if (offset > batch->target_bytes || header.length > batch->target_bytes - offset) return false;
    CopyPayload(batch->target + offset, At(head_) + kRecordHeaderBytes, header.length);
    batch->offset = offset + header.length;
  }
  batch->descriptors[batch->count] = {.kind = header.kind,
                                      .id = header.id,
                                      .offset = static_cast<uint32_t>(offset),
                                      .length = header.length};
  batch->count++;
  return true;
}

Status RingReader::Receive(Batch* batch, bool* more) {
  *more = false;
  const uint32_t count_before = batch->count;
  uint64_t payload_bytes = 0;
  Status status;
  while (batch->count < batch->descriptors_max) {
    if (quarter_read()) {
      *more = true;
      break;
    }
    RecordHeader header{};
    bool found = message_.first_unread;
    if (!found) status = NextRecord(&header, &found);
    if (!found) break;
    const bool is_whole = !message_.active && header.flags == kFlagsWhole;
    if (!is_whole) {
      if (!message_.active) status = BeginMessage(header);
      if (!status.ok()) break;
      batch->fragmented = true;
      batch->required_bytes = static_cast<int64_t>(message_.total_bytes);
      break;
    }
    if (!TakeWhole(header, batch)) {
      batch->required_bytes = header.length;
      break;
    }
    payload_bytes += header.length;
    Consume(header.length);
  }
  counters_->messages_read.AddOwned(batch->count - count_before);
  counters_->bytes_read.AddOwned(payload_bytes);
  return status;
}

// Copies the fragment at head_. The first one was checked before.
Status RingReader::CopyFragment(std::byte* target) {
  uint64_t length = message_.first_length;
  uint64_t prefix_bytes = kFragmentTotalBytes;
  if (!message_.first_unread) {
    RecordHeader header;
    bool found = false;
    Status status = NextRecord(&header, &found);
    if (!found) return status;
    length = header.length;
    prefix_bytes = 0;
  }
  const uint64_t count = length - prefix_bytes;
  SharedAccess::Copy(target + message_.received_bytes,
                     At(head_) + kRecordHeaderBytes + prefix_bytes, count);
  message_.first_unread = false;
  message_.received_bytes += count;
  Consume(length);
  counters_->bytes_read.AddOwned(count);
  return {};
}

Status RingReader::Assemble(std::byte* target, uint64_t target_bytes, AssembledMessage* message,
                            bool* more) {
  *more = false;
  *message = {};
  if (!message_.active) {
    return Status::Error(StatusCode::kInvalidArgument, "the next message is not fragmented");
  }
  if (target_bytes != message_.total_bytes) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "the target does not have the length of the fragmented message");
  }
  message->received_bytes = message_.received_bytes;
  while (head_ != tail_) {
    if (quarter_read()) {
      *more = true;
      return {};
    }
    if (Status status = CopyFragment(target); !status.ok()) return status;
    message->received_bytes = message_.received_bytes;
    if (message_.received_bytes != message_.total_bytes) continue;
    *message = {.received_bytes = message_.total_bytes,
                .whole = true,
                .kind = message_.kind,
                .id = message_.id};
    message_ = {};
    counters_->messages_read.AddOwned(1);
    return {};
  }
  return {};
}

}  // namespace shmwire
