#include "core/ring_writer.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace shmwire {

RingWriter::RingWriter(const OwnSegment& own, const PeerSegment& peer)
    : data_(own.data()),
      own_tail_(&own.control()->tail),
      peer_head_word_(&peer.control()->head),
      counters_(&own.control()->counters),
      capacity_(own.ring_bytes()),
      inline_bytes_max_(InlineBytesMax(own.ring_bytes())) {}

uint64_t RingWriter::PadBefore(uint64_t span) const {
  const uint64_t left_bytes = capacity_ - (tail_ & (capacity_ - 1));
  return span <= left_bytes ? 0 : left_bytes;
}

Status RingWriter::RefreshHead() {
  // SYNC(ring.release): stored in RingReader::Release. What we overwrite from here on, the peer has
  // read. seq_cst for the look after arming: SYNC(wake.arm), A2.
  const uint64_t head = peer_head_word_->LoadSeqCst();
  if (head % kRecordAlignment != 0) {
    return Status::Error(StatusCode::kCorrupt, "the peer's head is not aligned");
  }
  // Not back, and not past what we published; both at once, also when a difference wraps.
  if (head - peer_head_ > tail_ - peer_head_) {
    return Status::Error(StatusCode::kCorrupt, "the peer's head went back or past our tail");
  }
  peer_head_ = head;
  return {};
}

Status RingWriter::Claim(uint64_t length, std::byte** bytes) {
  *bytes = nullptr;
  claim_ = {};
  if (length > inline_bytes_max_) {
    return Status::Error(StatusCode::kMessageTooLarge,
                         "a record is longer than an eighth of the ring");
  }
  const uint64_t span = RecordSpan(length);
  const uint64_t pad_bytes = PadBefore(span);
  if (!Fits(pad_bytes + span)) {
    if (Status status = RefreshHead(); !status.ok()) return status;
    if (!Fits(pad_bytes + span)) return {};
  }
  claim_ = {.active = true, .pad_bytes = pad_bytes, .length = length};
  *bytes = data_ + ((tail_ + pad_bytes) & (capacity_ - 1)) + kRecordHeaderBytes;
  return {};
}

void RingWriter::Commit(uint16_t kind, uint16_t flags, uint32_t id, uint64_t length) {
  assert(claim_.active && length <= claim_.length && kind != 0);
  if (claim_.pad_bytes != 0) {
    const auto pad_length = static_cast<uint32_t>(claim_.pad_bytes - kRecordHeaderBytes);
    StoreRecordHeader(
        data_ + (tail_ & (capacity_ - 1)),
        {.length = pad_length | kPadBit, .kind = 0, .flags = 0, .id = 0, .sequence = 0});
    tail_ += claim_.pad_bytes;
  }
  StoreRecordHeader(data_ + (tail_ & (capacity_ - 1)), {.length = static_cast<uint32_t>(length),
                                                        .kind = kind,
                                                        .flags = flags,
                                                        .id = id,
                                                        .sequence = sequence_});
  sequence_++;  // wraps
  tail_ += RecordSpan(length);
  claim_ = {};
  // SYNC(ring.publish): observed in RingReader::Poll. seq_cst for SYNC(wake.arm), B1.
  own_tail_->StoreSeqCst(tail_);
}

Status RingWriter::WriteNext(uint16_t kind, uint32_t id, const std::byte* payload, uint64_t length,
                             uint64_t* offset, bool* wrote) {
  *wrote = false;
  if (message_.active || length > inline_bytes_max_) {
    return WriteFragment(kind, id, payload, length, offset, wrote);
  }
  if (*offset != 0) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "offset is not 0 and no message is unfinished");
  }
  std::byte* bytes = nullptr;
  Status status = Claim(length, &bytes);
  if (bytes == nullptr) return status;
  if (length != 0) std::memcpy(bytes, payload, length);
  Commit(kind, kFlagsWhole, id, length);
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
                         "another message is unfinished; write it to its end first");
  }
  const bool is_first = *offset == 0;
  const uint64_t prefix_bytes = is_first ? kFragmentTotalBytes : 0;
  const uint64_t count = std::min(length - *offset, inline_bytes_max_ - prefix_bytes);
  std::byte* bytes = nullptr;
  Status status = Claim(prefix_bytes + count, &bytes);
  if (bytes == nullptr) return status;
  if (is_first) std::memcpy(bytes, &length, kFragmentTotalBytes);
  std::memcpy(bytes + prefix_bytes, payload + *offset, count);
  *offset += count;
  const bool is_last = *offset == length;
  Commit(kind, static_cast<uint16_t>((is_first ? kFlagFirst : 0) | (is_last ? kFlagLast : 0)), id,
         prefix_bytes + count);
  message_ = {.active = !is_last, .kind = kind, .id = id, .length = length, .written = *offset};
  counters_->messages_written.AddOwned(is_last ? 1 : 0);
  counters_->bytes_written.AddOwned(count);
  *wrote = true;
  return {};
}

Status RingWriter::HasRoom(uint64_t length, bool* has_room) {
  const uint64_t span = RecordSpan(std::min(length, inline_bytes_max_));
  const uint64_t bytes = PadBefore(span) + span;
  *has_room = Fits(bytes);
  if (*has_room) return {};
  Status status = RefreshHead();
  *has_room = status.ok() && Fits(bytes);
  return status;
}

Status RingWriter::DepthBytes(uint64_t* bytes) {
  Status status = RefreshHead();
  *bytes = tail_ - peer_head_;
  return status;
}

}  // namespace shmwire
