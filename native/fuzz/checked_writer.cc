#include "fuzz/checked_writer.h"

#include "fuzz/require.h"

namespace shmwire::fuzz {
namespace {

OwnSegment MakeSegment(uint64_t ring_bytes) {
  OwnSegment segment;
  FUZZ_REQUIRE(OwnSegment::Create(ring_bytes, &segment).ok());
  return segment;
}

}  // namespace

WriterMemory::WriterMemory(uint64_t ring_bytes)
    : own(MakeSegment(ring_bytes)), peer(MakeSegment(kRingBytes)), peer_view(MapReadOnly(peer)) {
  for (uint64_t index = 0; index < payload.bytes; index++) {
    payload.writable[index] = static_cast<std::byte>(index * 2654435761 >> 16);
  }
  // The pages that do not exist yet are zeros.
  shadow.resize(ring_bytes);
  std::memcpy(shadow.data(), own.data(), kRingBytes);
}

void CheckedWriter::ReadHead() {
  head_ = memory_->peer.control()->head.LoadRelaxed();
  if (head_ % 16 == 0 && head_ >= released_ && head_ <= published_) released_ = head_;
}

void CheckedWriter::CheckStatus(Status status, Room room) {
  FUZZ_REQUIRE(status.code() ==
               (room == Room::kViolation ? StatusCode::kCorrupt : StatusCode::kOk));
}

void CheckedWriter::CheckKept() const {
  uint64_t at = released_;
  while (at < tail_) {
    if (at >= moved_from_ && at < moved_to_) at = moved_to_;
    const uint64_t ring_bytes = RingAt(at);
    const uint64_t end = at < moved_to_ ? moved_from_ : tail_;
    const uint64_t offset = at % ring_bytes;
    const uint64_t count = std::min(end - at, ring_bytes - offset);
    FUZZ_REQUIRE(
        std::memcmp(memory_->own.data() + offset, memory_->shadow.data() + offset, count) == 0);
    at += count;
  }
}

// False: it is not valid.
bool CheckedWriter::LoadHead() {
  if (head_ % 16 != 0 || head_ < known_ || head_ > published_) return false;
  known_ = head_;
  return true;
}

CheckedWriter::Room CheckedWriter::FindRoom(uint64_t span) {
  if (Fits(span)) return Room::kFound;
  if (!LoadHead()) return Room::kViolation;
  return Fits(span) ? Room::kFound : Room::kNone;
}

bool CheckedWriter::MayMove() const {
  if (stage_ != Stage::kOffered || memory_->peer.control()->accepted.LoadRelaxed() != 1) {
    return false;
  }
  return NextBehindSmallRing(tail_ + 16, whole_bytes_) <= known_ + whole_bytes_;
}

CheckedWriter::Room CheckedWriter::FindRoomOrGrow(uint64_t span) {
  const Room room = FindRoom(span);
  if (room != Room::kNone || stage_ == Stage::kWhole) return room;
  if (stage_ == Stage::kSmall) {
    refusals_++;
    if ((refusals_ & (refusals_ - 1)) == 0 && PagesCanBeAdded()) {
      CheckStep(GrowthStep::kOffer);
      stage_ = Stage::kOffered;
    }
  }
  if (MayMove()) {
    CheckStep(GrowthStep::kMove);
    moved_from_ = tail_;
    moved_to_ = NextBehindSmallRing(tail_, whole_bytes_);
    tail_ = moved_to_;
    stage_ = Stage::kWhole;
  }
  // OFFER may take the bytes that would be padding.
  return Fits(span) ? Room::kFound : Room::kNone;
}

void CheckedWriter::CheckStep(GrowthStep step) {
  FUZZ_REQUIRE(tail_ + 16 - released_ <= kRingBytes);
  CheckKept();
  const RecordHeader header = LoadRecordHeader(At(tail_));
  FUZZ_REQUIRE(header.length == 0 && header.kind == 0 && header.flags == 0 && header.sequence == 0);
  FUZZ_REQUIRE(header.id == static_cast<uint32_t>(step));
  Remember(tail_, 16);
  tail_ += 16;
}

// One record was written, with `prefix` bytes for the length of the message, and then `count` bytes
// from `payload` on.
void CheckedWriter::CheckRecord(const Message& message, uint64_t count, uint64_t prefix,
                                const std::byte* payload) {
  const bool first = message.offset == 0;
  const bool last = message.offset + count == message.length;
  const uint64_t span = RecordSpan(prefix + count);
  const uint64_t pad = PadBefore(span);
  FUZZ_REQUIRE(tail_ + pad + span - released_ <= ring_bytes());
  CheckKept();
  if (pad != 0) {
    const RecordHeader header = LoadRecordHeader(At(tail_));
    FUZZ_REQUIRE(header.length == (kPadBit | (pad - 16)) && header.kind == 0 && header.flags == 0);
    Remember(tail_, pad);
    tail_ += pad;
  }
  const RecordHeader header = LoadRecordHeader(At(tail_));
  FUZZ_REQUIRE(header.length == prefix + count && header.length <= inline_max());
  FUZZ_REQUIRE(header.kind == message.kind && header.id == message.id);
  FUZZ_REQUIRE(header.sequence == sequence_ && header.flags == (first ? 1 : 0) + (last ? 2 : 0));
  const std::byte* written = At(tail_) + 16;
  FUZZ_REQUIRE(prefix == 0 || std::memcmp(written, &message.length, 8) == 0);
  FUZZ_REQUIRE(count == 0 || std::memcmp(written + prefix, payload, count) == 0);
  sequence_++;
  Remember(tail_, span);
  tail_ += span;
  messages_ += last ? 1 : 0;
  bytes_ += count;
}

void CheckedWriter::CheckOwnMemory() const {
  static const ControlBlock kUntouched{};
  const ControlBlock* control = memory_->own.control();
  FUZZ_REQUIRE(control->tail.LoadRelaxed() == published_);
  FUZZ_REQUIRE(control->counters.messages_written.LoadRelaxed() == messages_);
  FUZZ_REQUIRE(control->counters.bytes_written.LoadRelaxed() == bytes_);
  FUZZ_REQUIRE(std::memcmp(reinterpret_cast<const std::byte*>(control) + sizeof(uint64_t),
                           reinterpret_cast<const std::byte*>(&kUntouched) + sizeof(uint64_t),
                           offsetof(ControlBlock, counters) - sizeof(uint64_t)) == 0);
  FUZZ_REQUIRE(control->accepted.LoadRelaxed() == 0);
  FUZZ_REQUIRE(control->wake_sent_at.LoadRelaxed() == 0 && control->woken_at.LoadRelaxed() == 0);
  CheckKept();
}

}  // namespace shmwire::fuzz
