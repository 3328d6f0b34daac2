#include "core/broadcast_writer.h"

#include "test/broadcast_support.h"

TEST_SUITE_BEGIN("broadcast_writer_test");

namespace shmwire {
namespace {

using test::BroadcastPair;
using test::kInlineMax;
using test::kRingBytes;
using test::TestMessage;

constexpr uint64_t kBlockBytes = BroadcastBlockBytes(kRingBytes);

}  // namespace

TEST_CASE("stores every split of key, headers and body without gaps") {
  for (uint64_t key_bytes = 0; key_bytes < 18; key_bytes++) {
    for (uint64_t headers_bytes = 0; headers_bytes < 18; headers_bytes += 5) {
      for (uint64_t body_bytes = 0; body_bytes < 20; body_bytes++) {
        BroadcastPair pair;
        const TestMessage message(7, body_bytes, key_bytes, headers_bytes);
        pair.writer.Write(message.parts());
        const test::Payload expected = message.bytes();
        const std::byte* stored = pair.segment.data() + kRecordHeaderBytes;
        REQUIRE(test::Payload(stored, stored + expected.size()) == expected);
      }
    }
  }
}

TEST_CASE("computes the tail after a record, with its padding") {
  BroadcastPair pair;
  CHECK(pair.writer.length_max() == kInlineMax);
  for (int count = 0; count < 100; count++) {
    const uint64_t length = static_cast<uint64_t>(count) * 977 % (kInlineMax + 1);
    const uint64_t expected = pair.writer.TailAfter(length);
    pair.Write(length);
    REQUIRE(pair.writer.tail() == expected);
    REQUIRE(pair.control()->tail.LoadRelaxed() == expected);
    REQUIRE(pair.control()->intent.LoadRelaxed() == expected);
  }
  CHECK(pair.writer.sequence() == 100);
}

TEST_CASE("pads the end of the ring") {
  BroadcastPair pair;
  for (int count = 0; count < 7; count++) pair.Write(kInlineMax);
  pair.Write(kInlineMax / 2);
  const uint64_t pad_at = pair.writer.tail();
  pair.Write(kInlineMax);
  CHECK(pair.control()->latest.LoadRelaxed() == kRingBytes);
  const BroadcastRecordHeader pad = LoadBroadcastHeader(pair.segment.data() + pad_at);
  CHECK(pad.length == (kPadBit | (kRingBytes - pad_at - kRecordHeaderBytes)));
  CHECK(pad.sequence == 0);
}

TEST_CASE("marks the first record of each block") {
  BroadcastPair pair;
  // Records of 1,008 bytes: two or three start in each block of 2,048.
  constexpr uint64_t kSpan = 1008;
  while (pair.writer.tail() < 3 * kRingBytes / 2) pair.Write(kSpan - kRecordHeaderBytes);
  // The positions of the records, computed without the code under test.
  uint64_t expected[kBroadcastMarks] = {};
  uint64_t last_block = UINT64_MAX;
  for (uint64_t position = 0; position < pair.writer.tail();) {
    const uint64_t left = kRingBytes - position % kRingBytes;
    if (left < kSpan) position += left;
    const uint64_t block = position / kBlockBytes;
    if (block != last_block) expected[block % kBroadcastMarks] = position;
    last_block = block;
    position += kSpan;
  }
  for (uint64_t index = 0; index < kBroadcastMarks; index++) {
    CAPTURE(index);
    CHECK(pair.control()->marks[index].LoadRelaxed() == expected[index]);
  }
}

TEST_CASE("leaves the mark of a block in which no record starts") {
  BroadcastPair pair;
  pair.Write(kInlineMax);  // four blocks
  pair.Write(0);
  CHECK(pair.control()->marks[0].LoadRelaxed() == 0);
  for (int index = 1; index < 4; index++) CHECK(pair.control()->marks[index].LoadRelaxed() == 0);
  CHECK(pair.control()->marks[4].LoadRelaxed() == 4 * kBlockBytes);
}

}  // namespace shmwire

TEST_SUITE_END();
