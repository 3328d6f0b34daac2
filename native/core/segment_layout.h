#pragma once

// The bytes of a segment, version 1, and the control block of a ring. As prose:
// docs/memory-layout.md.
//
//      0  +--------------------------------------+
//         | SegmentHeader, immutable             |  read-only once magic is stored
//   4096  +--------------------------------------+
//         | ControlBlock, or that of the kind    |  written by the owner, read by the peer
//   8192  +--------------------------------------+
//         | data: `capacity` bytes               |  ring_layout.h, broadcast_layout.h,
//         +--------------------------------------+  cell_layout.h; a reader segment has none
//
// 64-bit, fixed-width integers, no pointers. Only the owner writes it. The byte order is that of
// the machine: both sides run on it, and the endian tag rejects a side that runs under an emulator.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/cache_line.h"
#include "core/shared_word.h"

namespace shmwire {

static_assert(sizeof(void*) == 8, "positions and sizes are 64-bit");

// "SHMWIRE1" as the bytes of a little-endian integer.
inline constexpr uint64_t kSegmentMagic = 0x3145'5249'574D'4853;
inline constexpr uint16_t kLayoutMajor = 1;
inline constexpr uint16_t kLayoutMinor = 0;
inline constexpr uint32_t kEndianTag = 0x0102'0304;
// A unit of the layout, not the kernel's page size, which may be larger.
inline constexpr uint32_t kLayoutPageBytes = 4096;
inline constexpr uint64_t kControlOffset = kLayoutPageBytes;
inline constexpr uint64_t kDataOffset = uint64_t{2} * kLayoutPageBytes;

inline constexpr uint32_t kRingBytesLog2Min = 16;
inline constexpr uint32_t kRingBytesLog2Max = 30;
inline constexpr uint64_t kRingBytesMin = uint64_t{1} << kRingBytesLog2Min;
inline constexpr uint64_t kRingBytesMax = uint64_t{1} << kRingBytesLog2Max;

// Of the data of a cell; kRingBytesMax is its largest size, too. Where the system rounds sizes up
// to pages of 16 KiB, the size of a smaller one would not be certain.
inline constexpr uint32_t kCellBytesLog2Min = 13;
inline constexpr uint64_t kCellBytesMin = uint64_t{1} << kCellBytesLog2Min;

enum class SegmentKind : uint32_t { kRing = 1, kBroadcast = 2, kCell = 3, kReader = 4 };

// The ring is elastic: it begins in the first kSmallRingBytes of its data area, and the other pages
// may not exist yet (ring_layout.h). For a ring whose capacity is larger.
inline constexpr uint64_t kFeatureElastic = 1;
inline constexpr uint64_t kSmallRingBytes = kRingBytesMin;

// Required features that this version understands. A reader refuses a segment with any other bit.
inline constexpr uint64_t kFeaturesKnown = kFeatureElastic;

struct SegmentHeader {
  uint64_t magic;  // stored last, with release
  uint16_t layout_major;
  uint16_t layout_minor;
  uint32_t endian_tag;
  uint32_t header_bytes;
  uint32_t page_bytes;
  uint64_t segment_bytes;
  uint32_t kind;
  uint32_t capacity_log2;  // 0 if there are no data
  uint64_t control_offset;
  uint64_t data_offset;
  uint64_t id[2];             // random, or from the token of the handover
  uint32_t owner_pid;         // in the owner's namespace; for diagnosis only, except on Windows
  uint32_t owner_uid;         // likewise; for diagnosis only
  uint64_t owner_start_time;  // of the owner's process, in the system's unit; identifies it
                              // together with pid
  uint64_t features_required;
  uint64_t features_optional;
};

static_assert(std::is_trivially_copyable_v<SegmentHeader>);
static_assert(offsetof(SegmentHeader, magic) == 0);
static_assert(offsetof(SegmentHeader, layout_major) == 8);
static_assert(offsetof(SegmentHeader, layout_minor) == 10);
static_assert(offsetof(SegmentHeader, endian_tag) == 12);
static_assert(offsetof(SegmentHeader, header_bytes) == 16);
static_assert(offsetof(SegmentHeader, page_bytes) == 20);
static_assert(offsetof(SegmentHeader, segment_bytes) == 24);
static_assert(offsetof(SegmentHeader, kind) == 32);
static_assert(offsetof(SegmentHeader, capacity_log2) == 36);
static_assert(offsetof(SegmentHeader, control_offset) == 40);
static_assert(offsetof(SegmentHeader, data_offset) == 48);
static_assert(offsetof(SegmentHeader, id) == 56);
static_assert(offsetof(SegmentHeader, owner_pid) == 72);
static_assert(offsetof(SegmentHeader, owner_uid) == 76);
static_assert(offsetof(SegmentHeader, owner_start_time) == 80);
static_assert(offsetof(SegmentHeader, features_required) == 88);
static_assert(offsetof(SegmentHeader, features_optional) == 96);
static_assert(sizeof(SegmentHeader) == 104);

enum class SegmentState : uint32_t { kOpen = 0, kClosed = 1 };

// For monitoring only: no decision reads them.
struct SegmentCounters {
  SharedWord<uint64_t> messages_written;
  SharedWord<uint64_t> bytes_written;  // of payloads
  SharedWord<uint64_t> messages_read;
  SharedWord<uint64_t> bytes_read;      // of payloads
  SharedWord<uint64_t> doorbell_wakes;  // of the peer's event loop
  SharedWord<uint64_t> sequence_wakes;  // through the wake sequence
  SharedWord<uint64_t> data_waits;
  SharedWord<uint64_t> room_waits;
};

struct ControlBlock {
  // End of the published records in the owner's ring. A position: bytes since the start; never
  // wraps.
  alignas(kCacheLineBytes) SharedWord<uint64_t> tail;
  // End of the released records in the peer's ring. A position in the peer's ring.
  alignas(kCacheLineBytes) SharedWord<uint64_t> head;
  // Wake word (wake.h) of an owner that waits for data in the peer's ring.
  alignas(kCacheLineBytes) SharedWord<uint32_t> data_wake;
  // Wake word of an owner that waits for room in its own ring. A separate word, because freed room
  // must not wake a sleeper that waits for data.
  alignas(kCacheLineBytes) SharedWord<uint32_t> room_wake;
  // Changes each time the owner wakes a blocked peer, which waits for the change.
  alignas(kCacheLineBytes) SharedWord<uint32_t> wake_sequence;
  alignas(kCacheLineBytes) SharedWord<uint32_t> state;
  alignas(kCacheLineBytes) SegmentCounters counters;
  // Hints (wake_times.h): when the owner last began to wake the peer, and when it last was woken.
  // In nanoseconds of the monotonic clock.
  alignas(kCacheLineBytes) SharedWord<uint64_t> wake_sent_at;
  SharedWord<uint64_t> woken_at;
  // 1: the owner has checked that all pages of the peer's elastic ring exist. Set once.
  SharedWord<uint32_t> accepted;
};

static_assert(std::is_standard_layout_v<ControlBlock>);
static_assert(offsetof(ControlBlock, tail) == 0);
static_assert(offsetof(ControlBlock, head) == 128);
static_assert(offsetof(ControlBlock, data_wake) == 256);
static_assert(offsetof(ControlBlock, room_wake) == 384);
static_assert(offsetof(ControlBlock, wake_sequence) == 512);
static_assert(offsetof(ControlBlock, state) == 640);
static_assert(offsetof(ControlBlock, counters) == 768);
static_assert(sizeof(SegmentCounters) == 64);
static_assert(offsetof(ControlBlock, wake_sent_at) == 896);
static_assert(offsetof(ControlBlock, woken_at) == 904);
static_assert(offsetof(ControlBlock, accepted) == 912);
static_assert(sizeof(ControlBlock) == 1024);
static_assert(kControlOffset + sizeof(ControlBlock) <= kDataOffset);

[[nodiscard]] constexpr bool IsRingBytes(uint64_t bytes) {
  return bytes >= kRingBytesMin && bytes <= kRingBytesMax && std::has_single_bit(bytes);
}

[[nodiscard]] constexpr bool IsCellBytes(uint64_t bytes) {
  return bytes >= kCellBytesMin && bytes <= kRingBytesMax && std::has_single_bit(bytes);
}

// Whether a segment of this kind may have so many bytes of data.
[[nodiscard]] constexpr bool IsDataBytes(SegmentKind kind, uint64_t bytes) {
  switch (kind) {
    case SegmentKind::kRing:
    case SegmentKind::kBroadcast:
      return IsRingBytes(bytes);
    case SegmentKind::kCell:
      return IsCellBytes(bytes);
    case SegmentKind::kReader:
      return bytes == 0;
  }
  return false;
}

[[nodiscard]] constexpr uint64_t SegmentBytes(uint64_t data_bytes) {
  return kDataOffset + data_bytes;
}

template <SegmentKind kKind>
[[nodiscard]] constexpr bool IsSegmentBytesOf(uint64_t bytes) {
  return bytes >= kDataOffset && IsDataBytes(kKind, bytes - kDataOffset);
}

[[nodiscard]] constexpr bool IsSegmentBytes(uint64_t bytes) {
  return IsSegmentBytesOf<SegmentKind::kRing>(bytes);
}

}  // namespace shmwire
