#pragma once

// The bytes of a broadcast segment, version 1: the messages of a topic, from one writer to any
// number of readers. As prose: docs/memory-layout.md.
//
// The writer does not wait for readers (except for blocking ones, reader_heads.h): it overwrites
// the oldest records. So a reader copies first, and then checks that the writer has not announced
// an overwriting record meanwhile:
//
//   writer                                    reader
//     intent = end of the record                tail                         acquire
//     release fence                 F1          copy records before tail     relaxed words
//     record, mark          relaxed words       acquire fence                F2
//     tail = intent               seq_cst       intent
//     latest                      release       valid if intent - position <= capacity
//
// SYNC(broadcast.intent): if a copy contains a word of a record, F1 synchronizes with F2, so the
// reader sees the intent of that record. SYNC(broadcast.publish): tail publishes the record and its
// mark. SYNC(broadcast.latest): a reader that sees latest also sees a tail after that record.
//
// Invariants that a writer keeps and a reader checks:
//  1. Positions are multiples of 16 and never decrease; latest < tail <= intent.
//  2. A record is contiguous: it ends at or before the end of the data area, and at or before tail.
//  3. A record spans at most capacity / 8, with header and padding.
//  4. A PAD reaches exactly to the end of the data area, and is shorter than the largest record.
//  5. Sequences count records from 1. A PAD has none.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/ring_layout.h"
#include "core/segment_layout.h"
#include "core/shared_word.h"

namespace shmwire {

// Each mark is the position of the first record that starts in its part of the ring. So a reader
// that was overtaken finds a record without the last one.
inline constexpr uint64_t kBroadcastMarks = 32;

struct BroadcastControl {
  // End of the record that is being written, or was written last.
  alignas(kCacheLineBytes) SharedWord<uint64_t> intent;
  // End of the published records.
  SharedWord<uint64_t> tail;
  // Start of the last published record or, for a moment, of the one before it.
  SharedWord<uint64_t> latest;
  // Wake word (wake.h) of a writer that waits for blocking readers.
  alignas(kCacheLineBytes) SharedWord<uint32_t> room_wake;
  // A SegmentState.
  alignas(kCacheLineBytes) SharedWord<uint32_t> state;
  alignas(kCacheLineBytes) SharedWord<uint64_t> marks[kBroadcastMarks];
};

static_assert(std::is_standard_layout_v<BroadcastControl>);
static_assert(offsetof(BroadcastControl, intent) == 0);
static_assert(offsetof(BroadcastControl, tail) == 8);
static_assert(offsetof(BroadcastControl, latest) == 16);
static_assert(offsetof(BroadcastControl, room_wake) == 128);
static_assert(offsetof(BroadcastControl, state) == 256);
static_assert(offsetof(BroadcastControl, marks) == 384);
static_assert(sizeof(BroadcastControl) == 640);
static_assert(kControlOffset + sizeof(BroadcastControl) <= kDataOffset);

// Before the payload: the key, the headers and the body, without gaps.
struct BroadcastRecordHeader {
  uint32_t length;  // of the payload, in bytes; with kPadBit, of the bytes after this header
  uint16_t key_bytes;
  uint16_t headers_bytes;
  uint64_t sequence;  // 0 only in a PAD
};

static_assert(offsetof(BroadcastRecordHeader, length) == 0);
static_assert(offsetof(BroadcastRecordHeader, key_bytes) == 4);
static_assert(offsetof(BroadcastRecordHeader, headers_bytes) == 6);
static_assert(offsetof(BroadcastRecordHeader, sequence) == 8);
static_assert(sizeof(BroadcastRecordHeader) == kRecordHeaderBytes);

inline constexpr uint64_t kKeyBytesMax = 0xFFFF;
inline constexpr uint64_t kHeadersBytesMax = 0xFFFF;
// The largest sequence that JavaScript's numbers can express.
inline constexpr uint64_t kBroadcastSequenceMax = (uint64_t{1} << 53) - 1;

[[nodiscard]] constexpr uint64_t BroadcastBlockBytes(uint64_t ring_bytes) {
  return ring_bytes / kBroadcastMarks;
}

inline BroadcastRecordHeader LoadBroadcastHeader(const std::byte* at) {
  return LoadHeaderWords<BroadcastRecordHeader>(at);
}

inline void StoreBroadcastHeader(std::byte* at, const BroadcastRecordHeader& header) {
  StoreHeaderWords(at, header);
}

}  // namespace shmwire
