#include "core/ring_writer.h"

#include <algorithm>
#include <bit>

#include "core/cache_line.h"

namespace shmwire {
namespace {

// The distance from the tail to the prefetched lines: several records, so that they arrive in time.
constexpr uint64_t kPrefetchAheadBytes = 512;

// The thread waits while pages are created, so each record without room creates only a part: 256
// KiB take 0.2 ms. At most 64 parts, so that a busy ring is soon large.
constexpr uint64_t kPartBytesMin = uint64_t{256} * 1024;
constexpr uint64_t kPartsMax = 64;

constexpr uint64_t BytesPerPart(uint64_t ring_bytes) {
  return std::max(kPartBytesMin, ring_bytes / kPartsMax);
}

}  // namespace

RingWriter::RingWriter(const OwnSegment& own, const PeerSegment& peer)
    : own_(&own),
      peer_accepted_(&peer.control()->accepted),
      data_(own.data()),
      own_tail_(&own.control()->tail),
      peer_head_word_(&peer.control()->head),
      counters_(&own.control()->counters),
      growth_(own.elastic() ? Growth::kSmall : Growth::kDone),
      capacity_(own.elastic() ? kSmallRingBytes : own.ring_bytes()),
      limit_(own.elastic() ? kSmallRingBytes - kGrowthStepsBytes : own.ring_bytes()),
      inline_bytes_max_(InlineBytesMax(capacity_)) {}

uint64_t RingWriter::PadBefore(uint64_t span) const {
  const uint64_t left_bytes = capacity_ - (tail_ & (capacity_ - 1));
  return span <= left_bytes ? 0 : left_bytes;
}

Status RingWriter::RefreshHead() {
  // SYNC(ring.release): stored in RingReader::Release. The peer has read all that is overwritten
  // from here on. seq_cst for SYNC(wake.arm), A2.
  const uint64_t head = peer_head_word_->LoadSeqCst();
  if (head % kRecordAlignment != 0) {
    return Status::Error(StatusCode::kCorrupt, "the peer's head is not aligned");
  }
  // Neither back nor past the published tail: one comparison for both, even if a difference wraps.
  if (head - peer_head_ > published_ - peer_head_) {
    return Status::Error(StatusCode::kCorrupt, "the peer's head moved back or past the tail");
  }
  peer_head_ = head;
  return {};
}

inline bool RingWriter::TakeRoom(uint64_t span, Room* room) const {
  room->pad_bytes = PadBefore(span);
  room->found = Fits(room->pad_bytes + span);
  return room->found;
}

inline Status RingWriter::FindRoom(uint64_t span, Room* room) {
  if (TakeRoom(span, room)) return {};
  Status status = RefreshHead();
  if (status.ok()) TakeRoom(span, room);
  return status;
}

inline Status RingWriter::FindRoomOrGrow(uint64_t span, Room* room) {
  Status status = FindRoom(span, room);
  if (room->found || growth_ == Growth::kDone || !status.ok()) return status;
  if (growth_ == Growth::kSmall) Offer();
  if (MayMove()) Move();
  TakeRoom(span, room);
  return {};
}

void RingWriter::Offer() {
  refusals_++;
  // A lack of memory may end. Each attempt costs a system call, so they become rare.
  if (!std::has_single_bit(refusals_)) return;
  const uint64_t to =
      std::min(existing_bytes_ + BytesPerPart(own_->ring_bytes()), own_->ring_bytes());
  if (!own_->AddPages(existing_bytes_, to).ok()) return;
  existing_bytes_ = to;
  refusals_ = 0;
  if (existing_bytes_ < own_->ring_bytes()) return;
  // Publish publishes the pages, too.
  AppendStep(GrowthStep::kOffer);
  growth_ = Growth::kOffered;
  limit_ += kRecordHeaderBytes;
}

bool RingWriter::MayMove() const {
  if (growth_ != Growth::kOffered ||
      PositionAfterMove(tail_, own_->ring_bytes()) - peer_head_ > own_->ring_bytes()) {
    return false;
  }
  // SYNC(ring.accept): stored in RingReader::TakeOffer, before the head that RefreshHead has
  // loaded: so a writer that was woken for room sees it. Relaxed, because it only states that the
  // reader has checked pages which this side has created.
  return peer_accepted_->LoadRelaxed() == 1;
}

void RingWriter::Move() {
  moved_to_ = PositionAfterMove(tail_, own_->ring_bytes());
  AppendStep(GrowthStep::kMove);
  skipped_ = moved_to_ - tail_;
  tail_ = moved_to_;
  growth_ = Growth::kDone;
  capacity_ = own_->ring_bytes();
  limit_ = capacity_;
  inline_bytes_max_ = InlineBytesMax(capacity_);
}

void RingWriter::AppendStep(GrowthStep step) {
  StoreRecordHeader(
      data_ + (tail_ & (capacity_ - 1)),
      {.length = 0, .kind = 0, .flags = 0, .id = static_cast<uint32_t>(step), .sequence = 0});
  tail_ += kRecordHeaderBytes;
}

inline std::byte* RingWriter::PayloadAt(const Room& room) const {
  return data_ + ((tail_ + room.pad_bytes) & (capacity_ - 1)) + kRecordHeaderBytes;
}

inline void RingWriter::Append(const Room& room, uint16_t kind, uint16_t flags, uint32_t id,
                               uint64_t length) {
  if (room.pad_bytes != 0) {
    const auto pad_length = static_cast<uint32_t>(room.pad_bytes - kRecordHeaderBytes);
    StoreRecordHeader(
        data_ + (tail_ & (capacity_ - 1)),
        {.length = pad_length | kPadBit, .kind = 0, .flags = 0, .id = 0, .sequence = 0});
    tail_ += room.pad_bytes;
  }
  StoreRecordHeader(data_ + (tail_ & (capacity_ - 1)), {.length = static_cast<uint32_t>(length),
                                                        .kind = kind,
                                                        .flags = flags,
                                                        .id = id,
                                                        .sequence = sequence_});
  sequence_++;  // wraps
  tail_ += RecordSpan(length);
  // The peer's core holds the next lines since it read them in the previous round.
  const std::byte* ahead = data_ + ((tail_ + kPrefetchAheadBytes) & (capacity_ - 1));
  PrefetchForWrite(ahead);
  PrefetchForWrite(ahead + kPrefetchStep);
}

Status RingWriter::Claim(uint64_t length, std::byte** bytes) {
  *bytes = nullptr;
  claim_ = {};
  if (message_.active) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "a message is unfinished; write the rest of it first");
  }
  if (length > inline_bytes_max_) {
    return Status::Error(StatusCode::kMessageTooLarge,
                         "a record is longer than an eighth of the ring");
  }
  Room room;
  Status status = FindRoomOrGrow(RecordSpan(length), &room);
  if (!room.found) return status;
  claim_ = {.active = true, .room = room, .length = length};
  *bytes = PayloadAt(room);
  return {};
}

bool RingWriter::Commit(uint16_t kind, uint32_t id, uint64_t length) {
  if (!claim_.active || length > claim_.length) return false;
  Append(claim_.room, kind, kFlagsWhole, id, length);
  claim_ = {};
  counters_->messages_written.AddOwned(1);
  counters_->bytes_written.AddOwned(length);
  return true;
}

void RingWriter::Publish() {
  published_ = tail_;
  // SYNC(ring.publish): observed in RingReader::Poll. seq_cst for SYNC(wake.arm), B1.
  own_tail_->StoreSeqCst(tail_);
}

Status RingWriter::WriteNext(uint16_t kind, uint32_t id, const std::byte* payload, uint64_t length,
                             uint64_t* offset, bool* wrote) {
  *wrote = false;
  if (claim_.active) {
    return Status::Error(StatusCode::kInvalidArgument, "a claim is open; commit or abort it first");
  }
  if (message_.active || length > inline_bytes_max_) {
    return WriteFragment(kind, id, payload, length, offset, wrote);
  }
  if (*offset != 0) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "offset is not 0 and no message is unfinished");
  }
  Room room;
  Status status = FindRoomOrGrow(RecordSpan(length), &room);
  if (!room.found) return status;
  CopyPayload(PayloadAt(room), payload, length);
  Append(room, kind, kFlagsWhole, id, length);
  counters_->messages_written.AddOwned(1);
  counters_->bytes_written.AddOwned(length);
  *offset = length;
  *wrote = true;
  return {};
}

Status RingWriter::WriteFragment(uint16_t kind, uint32_t id, const std::byte* payload,
                                 uint64_t length, uint64_t* offset, bool* wrote) {
  if (!message_.active && *offset != 0) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "offset is not 0 and no message is unfinished");
  }
  if (message_.active && (message_.kind != kind || message_.id != id || message_.length != length ||
                          message_.written != *offset)) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "another message is unfinished; write the rest of it first");
  }
  const bool is_first = *offset == 0;
  const uint64_t prefix_bytes = is_first ? kFragmentTotalBytes : 0;
  const uint64_t count = std::min(length - *offset, inline_bytes_max_ - prefix_bytes);
  Room room;
  Status status = FindRoomOrGrow(RecordSpan(prefix_bytes + count), &room);
  if (!room.found) return status;
  std::byte* bytes = PayloadAt(room);
  // Relaxed: tail publishes it. Loaded in RingReader::BeginMessage.
  if (is_first) reinterpret_cast<SharedWord<uint64_t>*>(bytes)->StoreRelaxed(length);
  SharedAccess::Copy(bytes + prefix_bytes, payload + *offset, count);
  *offset += count;
  const bool is_last = *offset == length;
  Append(room, kind, static_cast<uint16_t>((is_first ? kFlagFirst : 0) | (is_last ? kFlagLast : 0)),
         id, prefix_bytes + count);
  message_ = {.active = !is_last, .kind = kind, .id = id, .length = length, .written = *offset};
  counters_->messages_written.AddOwned(is_last ? 1 : 0);
  counters_->bytes_written.AddOwned(count);
  *wrote = true;
  return {};
}

Status RingWriter::HasRoom(uint64_t length, bool* has_room) {
  Room room;
  Status status = FindRoom(RecordSpan(std::min(length, inline_bytes_max_)), &room);
  *has_room = room.found || (status.ok() && MayMove());
  return status;
}

Status RingWriter::DepthBytes(uint64_t* bytes) {
  Status status = RefreshHead();
  // The peer may store a head that no record begins at.
  const uint64_t skipped = peer_head_ < moved_to_ ? std::min(skipped_, moved_to_ - peer_head_) : 0;
  *bytes = tail_ - peer_head_ - skipped;
  return status;
}

}  // namespace shmwire
