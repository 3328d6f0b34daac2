#pragma once

// The bytes of a ring's data area, version 1. As prose: docs/memory-layout.md.
//
//   position & (capacity - 1)                                        all of it padded to 16
//   v
//   +-----------+------------------+-----------+----------------+-------------------+
//   | header 16 | payload          | header 16 | payload        | PAD to the end    |
//   +-----------+------------------+-----------+----------------+-------------------+
//
//   header    0        4      6       8     12         16
//             +--------+------+-------+-----+----------+
//             | length | kind | flags | id  | sequence |
//             +--------+------+-------+-----+----------+
//
// Invariants that a writer keeps and a reader checks:
//  1. Positions are multiples of 16, never decrease, and 0 <= tail - head <= capacity; that of the
//     whole data area since the reader of an elastic ring has accepted.
//  2. A record is contiguous: it ends at or before the end of the data area, and at or before tail.
//  3. A record spans at most capacity / 8, with header and padding. A longer message has fragments.
//  4. A PAD reaches exactly to the end of the data area, and is shorter than the largest record.
//  5. Sequences count records from 0, modulo 2^32, without PADs and growth steps.
//  6. Only PADs and growth steps come between the fragments of a message. The payload of the first
//     fragment begins with the message's length as u64. Each fragment carries at least one byte of
//     the message.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/segment_layout.h"
#include "core/shared_access.h"
#include "core/shared_word.h"

namespace shmwire {

inline constexpr uint64_t kRecordAlignment = 16;
inline constexpr uint64_t kRecordHeaderBytes = 16;
// Length of the whole message, at the start of a first fragment's payload.
inline constexpr uint64_t kFragmentTotalBytes = 8;
// Set in `length`: not a record; skip to the end of the data area.
inline constexpr uint32_t kPadBit = uint32_t{1} << 31;
inline constexpr uint64_t kRecordsPerRingMin = 8;

inline constexpr uint16_t kFlagFirst = 1;
inline constexpr uint16_t kFlagLast = 2;
inline constexpr uint16_t kFlagsWhole = kFlagFirst | kFlagLast;

struct RecordHeader {
  uint32_t length;  // of the payload, in bytes; with kPadBit, of the bytes after this header
  uint16_t kind;    // 0 only in a PAD and in a GrowthStep
  uint16_t flags;
  uint32_t id;
  uint32_t sequence;
};

static_assert(offsetof(RecordHeader, length) == 0);
static_assert(offsetof(RecordHeader, kind) == 4);
static_assert(offsetof(RecordHeader, flags) == 6);
static_assert(offsetof(RecordHeader, id) == 8);
static_assert(offsetof(RecordHeader, sequence) == 12);
static_assert(sizeof(RecordHeader) == kRecordHeaderBytes);
static_assert(kDataOffset % kRecordAlignment == 0);

// How an elastic ring grows (docs/decisions/0082): records without a payload, with kind, flags and
// sequence 0. The id is the step.
enum class GrowthStep : uint32_t {
  kOffer = 1,  // all pages of the ring exist
  kMove = 2,   // the next record is at PositionAfterMove, in the whole data area
};

// The writer of a small ring keeps so much free for both steps.
inline constexpr uint64_t kGrowthStepsBytes = 2 * kRecordHeaderBytes;

struct RecordHeaderWords {
  SharedWord<uint64_t> low;
  SharedWord<uint64_t> high;
};
static_assert(sizeof(RecordHeaderWords) == sizeof(RecordHeader));

// Bytes of the ring that a record of `length` payload bytes takes. No overflow: a length has 32
// bits.
[[nodiscard]] constexpr uint64_t RecordSpan(uint64_t length) {
  return (kRecordHeaderBytes + length + kRecordAlignment - 1) & ~(kRecordAlignment - 1);
}

// The largest payload of one record in a ring of `ring_bytes`.
[[nodiscard]] constexpr uint64_t InlineBytesMax(uint64_t ring_bytes) {
  return ring_bytes / kRecordsPerRingMin - kRecordHeaderBytes;
}

// The room at which a waiting writer is woken. Any record fits in it, wherever the tail is: its
// padding is less than its span, and its span is at most an eighth of the ring. Before OFFER, 16
// bytes can be missing, because of kGrowthStepsBytes; then the next release wakes the writer again.
[[nodiscard]] constexpr uint64_t QuarterBytes(uint64_t ring_bytes) { return ring_bytes / 4; }

// The position after a MOVE at `position`, in a ring of `ring_bytes`: the next one behind the small
// ring. From kSmallRingBytes before it on, a position has the same place in the small ring as in
// the whole one. So a tail that is at most a ring ahead of the head overwrites no unread record.
[[nodiscard]] constexpr uint64_t PositionAfterMove(uint64_t position, uint64_t ring_bytes) {
  const uint64_t end = position + kRecordHeaderBytes;
  return end + ((kSmallRingBytes - end) & (ring_bytes - 1));
}

// memcpy for payloads. Most of them are short, and need no call.
inline void CopyPayload(std::byte* to, const std::byte* from, uint64_t length) {
  constexpr uint64_t kStep = 16;
  constexpr uint64_t kShortBytesMax = 256;
  if (length < kStep || length > kShortBytesMax) {
    if (length != 0) SharedAccess::Copy(to, from, length);
    return;
  }
  for (uint64_t at = 0; at + kStep < length; at += kStep) {
    SharedAccess::Copy(to + at, from + at, kStep);
  }
  // The last step ends at the end of the payload. It may overlap the previous step.
  SharedAccess::Copy(to + length - kStep, from + length - kStep, kStep);
}

// The header of a record in a ring or in a broadcast segment.
//
// Relaxed: tail publishes the header. Still atomic, because a peer that breaks the rules may write
// it during the load. Each word is loaded once, so that the checked value is the used one.
template <typename Header>
Header LoadHeaderWords(const std::byte* at) {
  static_assert(sizeof(Header) == sizeof(RecordHeaderWords));
  const auto* words = reinterpret_cast<const RecordHeaderWords*>(at);
  // Relaxed: see above.
  const uint64_t loaded[2] = {words->low.LoadRelaxed(), words->high.LoadRelaxed()};
  Header header;
  std::memcpy(&header, loaded, sizeof(header));
  return header;
}

template <typename Header>
void StoreHeaderWords(std::byte* at, const Header& header) {
  static_assert(sizeof(Header) == sizeof(RecordHeaderWords));
  uint64_t stored[2];
  std::memcpy(stored, &header, sizeof(header));
  auto* words = reinterpret_cast<RecordHeaderWords*>(at);
  // Relaxed: see LoadHeaderWords.
  words->low.StoreRelaxed(stored[0]);
  words->high.StoreRelaxed(stored[1]);
}

inline RecordHeader LoadRecordHeader(const std::byte* at) {
  return LoadHeaderWords<RecordHeader>(at);
}

inline void StoreRecordHeader(std::byte* at, const RecordHeader& header) {
  StoreHeaderWords(at, header);
}

}  // namespace shmwire
