#include "core/segment_layout.h"

#include <string>

#include "test/support.h"

TEST_SUITE_BEGIN("segment_layout_test");

namespace shmwire {

// The header checks the offsets by static_assert. These tests check the code.

TEST_CASE("stores the magic as SHMWIRE1 in memory") {
  char text[9] = {};
  std::memcpy(text, &kSegmentMagic, sizeof(kSegmentMagic));
  CHECK(std::string(text) == "SHMWIRE1");
}

TEST_CASE("accepts as ring sizes the powers of two from 64 KiB to 1 GiB") {
  for (uint32_t log2 = kRingBytesLog2Min; log2 <= kRingBytesLog2Max; log2++) {
    CHECK(IsRingBytes(uint64_t{1} << log2));
    CHECK_FALSE(IsRingBytes((uint64_t{1} << log2) + 1));
    CHECK_FALSE(IsRingBytes((uint64_t{1} << log2) - 1));
  }
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{1} << 15, uint64_t{1} << 31, ~uint64_t{0}}) {
    CHECK_FALSE(IsRingBytes(bytes));
  }
}

TEST_CASE("adds two pages to the ring") {
  CHECK(SegmentBytes(kRingBytesMin) == 8192 + 65536);
  CHECK(SegmentBytes(kRingBytesMax) == 8192 + (uint64_t{1} << 30));
}

TEST_CASE("keeps words that different readers poll 128 bytes apart") {
  const size_t offsets[] = {
      offsetof(ControlBlock, tail),          offsetof(ControlBlock, head),
      offsetof(ControlBlock, data_wake),     offsetof(ControlBlock, room_wake),
      offsetof(ControlBlock, wake_sequence), offsetof(ControlBlock, state),
      offsetof(ControlBlock, counters),      offsetof(ControlBlock, wake_sent_at)};
  for (size_t index = 0; index < std::size(offsets); index++) CHECK(offsets[index] == index * 128);
}

}  // namespace shmwire

TEST_SUITE_END();
