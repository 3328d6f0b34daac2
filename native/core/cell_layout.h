#pragma once

// The bytes of a cell segment, version 1: the newest value of one writer, for any number of
// readers. As prose: docs/memory-layout.md.
//
//   8192  +----------------+----------------+----------------+----------------+
//         | slot 0         | slot 1         | slot 2         | slot 3         |  capacity / 4 each
//         +----------------+----------------+----------------+----------------+
//         slot: length (u64), value
//
// Version v is in slot v & 3, and the sequence is the newest version. So a writer that dies leaves
// the newest value intact, and a reader fails only if the writer begins a fourth value after it:
//
//   writer of version v                       reader
//     release fence                 F1          s = sequence                 acquire
//     slot v & 3            relaxed words       copy slot s & 3              relaxed words
//     sequence = v                seq_cst       acquire fence                F2
//                                               n = sequence; valid if n - s <= 2
//
// SYNC(cell.overwrite): if the copy contains a word of version s + 4, F1 synchronizes with F2, so
// the reader sees the store of sequence s + 3 before F1. SYNC(cell.publish): sequence publishes the
// slot.

#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/segment_layout.h"
#include "core/shared_word.h"

namespace shmwire {

inline constexpr uint64_t kCellSlots = 4;
// The length before the value.
inline constexpr uint64_t kCellLengthBytes = 8;
inline constexpr uint64_t kCellValueBytesMax = kRingBytesMax / kCellSlots - kCellLengthBytes;
// As kBroadcastSequenceMax.
inline constexpr uint64_t kCellVersionMax = (uint64_t{1} << 53) - 1;

struct CellControl {
  // The newest version: the number of values that were stored.
  alignas(kCacheLineBytes) SharedWord<uint64_t> sequence;
  // A SegmentState.
  alignas(kCacheLineBytes) SharedWord<uint32_t> state;
};

static_assert(std::is_standard_layout_v<CellControl>);
static_assert(offsetof(CellControl, sequence) == 0);
static_assert(offsetof(CellControl, state) == 128);
static_assert(kControlOffset + sizeof(CellControl) <= kDataOffset);

[[nodiscard]] constexpr uint64_t CellSlotBytes(uint64_t data_bytes) {
  return data_bytes / kCellSlots;
}

// The data of a cell for values of up to `value_bytes`, which is at most kCellValueBytesMax.
[[nodiscard]] constexpr uint64_t CellDataBytes(uint64_t value_bytes) {
  const uint64_t data_bytes = kCellSlots * std::bit_ceil(value_bytes + kCellLengthBytes);
  return data_bytes < kCellBytesMin ? kCellBytesMin : data_bytes;
}

}  // namespace shmwire
