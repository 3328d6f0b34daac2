#include "core/ring_layout.h"

#include "test/support.h"

TEST_SUITE_BEGIN("ring_layout_test");

namespace shmwire {

TEST_CASE("pads the span of a header and payload to 16") {
  CHECK(RecordSpan(0) == 16);
  CHECK(RecordSpan(1) == 32);
  CHECK(RecordSpan(16) == 32);
  CHECK(RecordSpan(17) == 48);
  CHECK(RecordSpan(0xFFFF'FFFF) == (uint64_t{1} << 32) + 16);
}

TEST_CASE("limits a record to an eighth of the ring") {
  CHECK(InlineBytesMax(65536) == 8176);
  for (uint32_t log2 = kRingBytesLog2Min; log2 <= kRingBytesLog2Max; log2++) {
    const uint64_t ring_bytes = uint64_t{1} << log2;
    CHECK(RecordSpan(InlineBytesMax(ring_bytes)) * 8 == ring_bytes);
    // The room that wakes a writer is enough for any record and its padding.
    CHECK(2 * RecordSpan(InlineBytesMax(ring_bytes)) <= QuarterBytes(ring_bytes));
    CHECK(InlineBytesMax(ring_bytes) < kPadBit);
  }
}

TEST_CASE("loads a header as it was stored, in the documented bytes") {
  alignas(16) std::byte memory[16];
  const RecordHeader stored = {.length = 0x0403'0201,
                               .kind = 0x0605,
                               .flags = 0x0807,
                               .id = 0x0C0B'0A09,
                               .sequence = 0x100F'0E0D};
  StoreRecordHeader(memory, stored);
  for (int index = 0; index < 16; index++) CHECK(memory[index] == std::byte(index + 1));
  const RecordHeader loaded = LoadRecordHeader(memory);
  CHECK(std::memcmp(&loaded, &stored, sizeof(stored)) == 0);
}

}  // namespace shmwire

TEST_SUITE_END();
