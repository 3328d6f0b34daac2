#pragma once

// The peer's segment, which the fuzzer controls. It tracks the written bytes, so that a reset costs
// only those, and not the whole ring.

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/ring_layout.h"
#include "core/segment.h"
#include "fuzz/input.h"
#include "fuzz/platform/guarded_memory.h"

namespace shmwire::fuzz {

// Of a ring that is not elastic, and of an elastic one at the start.
inline constexpr uint64_t kRingBytes = kRingBytesMin;
inline constexpr uint64_t kRingMask = kRingBytes - 1;
inline constexpr uint64_t kInlineMax = InlineBytesMax(kRingBytes);
// The targets use each: no growth, the least growth, and a factor that is not 2.
inline constexpr uint64_t kRingSizes[] = {kRingBytes, 2 * kRingBytes, 4 * kRingBytes};
inline constexpr uint64_t kRingBytesMost = 4 * kRingBytes;

// The first position from `position` on whose place in a ring of `ring_bytes` is right behind the
// small one: in this lap or in the next one.
[[nodiscard]] constexpr uint64_t NextBehindSmallRing(uint64_t position, uint64_t ring_bytes) {
  if (ring_bytes == kRingBytes) return position;
  const uint64_t in_this_lap = position / ring_bytes * ring_bytes + kRingBytes;
  return position <= in_this_lap ? in_this_lap : in_this_lap + ring_bytes;
}

class ForgedPeer {
 public:
  explicit ForgedPeer(const OwnSegment* segment) : segment_(segment) {}

  // Restores the state before the owner's first record.
  void Reset() {
    for (const Dirt& dirt : dirt_) std::memset(segment_->data() + dirt.offset, 0, dirt.bytes);
    dirt_.clear();
    std::memset(static_cast<void*>(segment_->control()), 0, sizeof(ControlBlock));
    HidePages(*segment_);
    capacity_ = kRingBytes;
    tail_ = 0;
    sequence_ = 0;
  }

  [[nodiscard]] ControlBlock* control() const { return segment_->control(); }
  [[nodiscard]] uint64_t tail() const { return tail_; }
  [[nodiscard]] uint32_t sequence() const { return sequence_; }
  // The ring as this writer uses it: the small one until AppendMove.
  [[nodiscard]] uint64_t capacity() const { return capacity_; }
  [[nodiscard]] uint64_t inline_max() const { return InlineBytesMax(capacity_); }
  [[nodiscard]] uint64_t left() const { return capacity_ - (tail_ & (capacity_ - 1)); }

  // At any position. Bytes beyond the end of the ring are dropped.
  void Write(uint64_t position, const void* bytes, uint64_t count) {
    const uint64_t offset = position & (capacity_ - 1);
    const uint64_t written = std::min(count, capacity_ - offset);
    std::memcpy(segment_->data() + offset, bytes, written);
    dirt_.push_back({offset, written});
  }

  // Appends a record with any header over the existing payload. Advances the tail for Publish.
  void Append(const RecordHeader& header, uint64_t span) {
    Write(tail_, &header, sizeof(header));
    tail_ += span;
  }

  // As a valid writer: pads before the end of the ring, and uses the next sequence.
  void AppendHonest(uint16_t kind, uint16_t flags, uint32_t id, uint32_t length) {
    if (RecordSpan(length) > left()) AppendPad();
    Append({.length = length, .kind = kind, .flags = flags, .id = id, .sequence = sequence_},
           RecordSpan(length));
    sequence_++;
  }

  void AppendPad() {
    const auto length = static_cast<uint32_t>(left() - kRecordHeaderBytes);
    Append({.length = length | kPadBit, .kind = 0, .flags = 0, .id = 0, .sequence = 0}, left());
  }

  void AppendStep(GrowthStep step) {
    Append({.length = 0, .kind = 0, .flags = 0, .id = static_cast<uint32_t>(step), .sequence = 0},
           kRecordHeaderBytes);
  }
  // As a valid writer: the next record is behind the small ring, at the next lap if necessary.
  void AppendMove() {
    AppendStep(GrowthStep::kMove);
    capacity_ = segment_->ring_bytes();
    tail_ = NextBehindSmallRing(tail_, capacity_);
  }
  // The input determines the step, and what is wrong with it.
  void AppendGrowth(Input* input) {
    const uint8_t how = input->Byte();
    if (how < 96) return AppendStep(GrowthStep::kOffer);
    if (how < 176) return AppendMove();
    // Without the jump.
    if (how < 192) return AppendStep(GrowthStep::kMove);
    if (how < 208) {
      AppendStep(GrowthStep::kOffer);
      return AppendMove();
    }
    RecordHeader header = {
        .length = 0, .kind = 0, .flags = 0, .id = how & uint32_t{3}, .sequence = 0};
    if ((how & 4) != 0) header.length = input->Byte();
    if ((how & 8) != 0) header.flags = input->Byte();
    if ((how & 16) != 0) header.sequence = sequence_;
    Append(header, kRecordHeaderBytes);
  }

  // The input determines how the header differs from a valid one.
  void AppendForged(Input* input) {
    RecordHeader header = {.length = static_cast<uint32_t>(input->Below(64)),
                           .kind = 1,
                           .flags = kFlagsWhole,
                           .id = 0,
                           .sequence = sequence_};
    const uint8_t changed = input->Byte();
    if ((changed & 1) != 0) header.length = input->Take<uint32_t>();
    if ((changed & 2) != 0) header.kind = input->Take<uint16_t>();
    if ((changed & 4) != 0) header.flags = input->Take<uint16_t>();
    if ((changed & 8) != 0) header.id = input->Take<uint32_t>();
    if ((changed & 16) != 0) header.sequence += input->Byte();
    if ((changed & 32) != 0) header.length = static_cast<uint32_t>(left()) + input->Byte() - 128;
    if ((changed & 64) != 0) header.length |= kPadBit;
    Append(header, RecordSpan(header.length & (capacity_ - 1)));
    sequence_++;
  }

  void Publish() { control()->tail.StoreRelaxed(tail_); }
  // Publishes a tail other than the true one.
  void ForgeTail(Input* input) {
    const uint8_t how = input->Byte();
    const uint64_t tail = how < 128 ? tail_ + kRecordAlignment * (how - 64) : Far(how, input);
    control()->tail.StoreRelaxed(tail);
  }

 private:
  struct Dirt {
    uint64_t offset;
    uint64_t bytes;
  };

  uint64_t Far(uint8_t how, Input* input) const {
    if (how < 160) return tail_ + how - 144;
    if (how < 192) return tail_ + capacity_ + kRecordAlignment * (how - 176);
    return input->Take<uint64_t>();
  }

  const OwnSegment* segment_;
  uint64_t capacity_ = kRingBytes;
  uint64_t tail_ = 0;
  uint32_t sequence_ = 0;
  std::vector<Dirt> dirt_;
};

}  // namespace shmwire::fuzz
