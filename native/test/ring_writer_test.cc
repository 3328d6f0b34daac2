#include "core/ring_writer.h"

#include "test/support.h"

TEST_SUITE_BEGIN("ring_writer_test");

namespace shmwire {
namespace {

using test::kInlineMax;
using test::kRingBytes;

RecordHeader HeaderAt(const test::RingPair& ring, uint64_t position) {
  return LoadRecordHeader(ring.writer_segment.data() + (position & (kRingBytes - 1)));
}

uint64_t Tail(const test::RingPair& ring) {
  return ring.writer_segment.control()->tail.LoadRelaxed();
}

void SetPeerHead(test::RingPair* ring, uint64_t head) {
  ring->reader_segment.control()->head.StoreRelaxed(head);
}

// Moves the tail to `position` with records that the peer has read.
void AdvanceTo(test::RingPair* ring, uint64_t position) {
  while (Tail(*ring) < position) {
    const uint64_t left = position - Tail(*ring) - kRecordHeaderBytes;
    const test::Payload payload(left < kInlineMax ? left : kInlineMax);
    REQUIRE(test::WriteAll(&ring->writer, 1, 0, payload));
    SetPeerHead(ring, Tail(*ring));
  }
  REQUIRE(Tail(*ring) == position);
}

bool WriteOne(test::RingPair* ring, uint64_t bytes) {
  return test::WriteAll(&ring->writer, 1, 0, test::Payload(bytes));
}

}  // namespace

TEST_CASE("publishes a record with its header") {
  test::RingPair ring;
  const test::Payload payload = test::MakePayload(1, 100);
  REQUIRE(test::WriteAll(&ring.writer, 7, 9, payload));
  CHECK(Tail(ring) == RecordSpan(100));
  const RecordHeader header = HeaderAt(ring, 0);
  CHECK(header.length == 100);
  CHECK(header.kind == 7);
  CHECK(header.flags == kFlagsWhole);
  CHECK(header.id == 9);
  CHECK(header.sequence == 0);
  CHECK(std::memcmp(ring.writer_segment.data() + 16, payload.data(), 100) == 0);
  REQUIRE(WriteOne(&ring, 0));
  CHECK(HeaderAt(ring, RecordSpan(100)).sequence == 1);
  CHECK(Tail(ring) == RecordSpan(100) + 16);
}

TEST_CASE("shows no claim before its commit, and leaves nothing after an abort") {
  test::RingPair ring;
  std::byte* bytes = nullptr;
  REQUIRE(ring.writer.Claim(100, &bytes).ok());
  REQUIRE(bytes == ring.writer_segment.data() + 16);
  std::memset(bytes, 0xFF, 100);
  CHECK(Tail(ring) == 0);
  ring.writer.Abort();
  ring.writer.Abort();
  CHECK(Tail(ring) == 0);
  REQUIRE(WriteOne(&ring, 4));
  CHECK(HeaderAt(ring, 0).sequence == 0);
}

TEST_CASE("commits less than was claimed") {
  test::RingPair ring;
  std::byte* bytes = nullptr;
  REQUIRE(ring.writer.Claim(1000, &bytes).ok());
  CHECK_FALSE(ring.writer.Commit(1, 5, 1001));
  CHECK(ring.writer.Commit(1, 5, 10));
  CHECK_FALSE(ring.writer.Commit(1, 5, 10));
  CHECK(Tail(ring) == 0);
  ring.writer.Publish();
  CHECK(Tail(ring) == RecordSpan(10));
  CHECK(HeaderAt(ring, 0).length == 10);
}

TEST_CASE("rejects other writes while a claim is open, and claims inside a message") {
  test::RingPair ring;
  std::byte* bytes = nullptr;
  const test::Payload payload = test::MakePayload(1, 2 * kInlineMax);
  uint64_t offset = 0;
  bool wrote = true;
  REQUIRE(ring.writer.Claim(100, &bytes).ok());
  CHECK(ring.writer.WriteNext(1, 1, payload.data(), 10, &offset, &wrote).code() ==
        StatusCode::kInvalidArgument);
  CHECK_FALSE(wrote);
  ring.writer.Abort();
  REQUIRE(ring.writer.WriteNext(1, 1, payload.data(), payload.size(), &offset, &wrote).ok());
  CHECK(ring.writer.Claim(100, &bytes).code() == StatusCode::kInvalidArgument);
  CHECK(bytes == nullptr);
}

TEST_CASE("rejects a head beyond the published tail, although it was written") {
  test::RingPair ring;
  const test::Payload payload = test::MakePayload(1, 100);
  uint64_t offset = 0;
  bool wrote = false;
  REQUIRE(WriteOne(&ring, 0));
  REQUIRE(ring.writer.WriteNext(1, 1, payload.data(), payload.size(), &offset, &wrote).ok());
  SetPeerHead(&ring, 32);
  uint64_t depth = 0;
  CHECK(ring.writer.DepthBytes(&depth).code() == StatusCode::kCorrupt);
}

TEST_CASE("rejects a claim above the largest record") {
  test::RingPair ring;
  std::byte* bytes = nullptr;
  CHECK(ring.writer.Claim(kInlineMax, &bytes).ok());
  CHECK(bytes != nullptr);
  CHECK(ring.writer.Claim(kInlineMax + 1, &bytes).code() == StatusCode::kMessageTooLarge);
  CHECK(bytes == nullptr);
}

TEST_CASE("writes no pad when a record exactly reaches the end of the ring") {
  test::RingPair ring;
  AdvanceTo(&ring, kRingBytes - 64);
  REQUIRE(WriteOne(&ring, 48));
  CHECK(Tail(ring) == kRingBytes);
  CHECK(HeaderAt(ring, kRingBytes - 64).length == 48);
}

TEST_CASE("pads when a record does not fit before the end") {
  for (const uint64_t left :
       {uint64_t{16}, uint64_t{32}, uint64_t{64}, RecordSpan(kInlineMax) - 16}) {
    CAPTURE(left);
    test::RingPair ring;
    AdvanceTo(&ring, kRingBytes - left);
    const uint32_t sequence = HeaderAt(ring, 0).sequence;
    CHECK(sequence == 0);
    REQUIRE(WriteOne(&ring, left));
    const RecordHeader pad = HeaderAt(ring, kRingBytes - left);
    CHECK(pad.length == (kPadBit | (left - 16)));
    CHECK(pad.kind == 0);
    CHECK(pad.flags == 0);
    const RecordHeader record = HeaderAt(ring, kRingBytes);
    CHECK(record.length == left);
    CHECK(Tail(ring) == kRingBytes + RecordSpan(left));
  }
}

TEST_CASE("gives a pad no sequence number") {
  test::RingPair ring;
  AdvanceTo(&ring, kRingBytes - 32);
  std::byte* bytes = nullptr;
  REQUIRE(ring.writer.Claim(0, &bytes).ok());
  REQUIRE(ring.writer.Commit(1, 0, 0));
  const uint32_t before = HeaderAt(ring, kRingBytes - 32).sequence;
  REQUIRE(WriteOne(&ring, 1));
  CHECK(HeaderAt(ring, kRingBytes - 16).length == kPadBit);
  CHECK(HeaderAt(ring, kRingBytes).sequence == before + 1);
}

TEST_CASE("fills a ring to its last byte, and not beyond") {
  test::RingPair ring;
  for (uint64_t count = 0; count < kRingBytes / 16; count++) REQUIRE(WriteOne(&ring, 0));
  CHECK(Tail(ring) == kRingBytes);
  CHECK_FALSE(WriteOne(&ring, 0));
  CHECK(Tail(ring) == kRingBytes);
  uint64_t depth = 0;
  REQUIRE(ring.writer.DepthBytes(&depth).ok());
  CHECK(depth == kRingBytes);
  SetPeerHead(&ring, 16);
  REQUIRE(WriteOne(&ring, 0));
  CHECK_FALSE(WriteOne(&ring, 0));
  SetPeerHead(&ring, kRingBytes + 16);
  REQUIRE(ring.writer.DepthBytes(&depth).ok());
  CHECK(depth == 0);
  REQUIRE(WriteOne(&ring, kInlineMax));
}

TEST_CASE("counts a pad as used room") {
  test::RingPair ring;
  AdvanceTo(&ring, kRingBytes - 32);
  SetPeerHead(&ring, kRingBytes - 32);
  // All of it is free: 32 bytes before the end, the rest after it.
  for (uint64_t count = 0; count < 7; count++) REQUIRE(WriteOne(&ring, kInlineMax));
  CHECK(Tail(ring) == kRingBytes + 7 * RecordSpan(kInlineMax));
  bool has_room = true;
  REQUIRE(ring.writer.HasRoom(kInlineMax, &has_room).ok());
  CHECK_FALSE(has_room);
  const uint64_t free_bytes = RecordSpan(kInlineMax) - 32;
  REQUIRE(ring.writer.HasRoom(free_bytes - 16, &has_room).ok());
  CHECK(has_room);
  REQUIRE(ring.writer.HasRoom(free_bytes - 15, &has_room).ok());
  CHECK_FALSE(has_room);
}

TEST_CASE("writes a message above the largest record in fragments") {
  test::RingPair ring;
  const uint64_t bytes = kInlineMax + 1;
  REQUIRE(WriteOne(&ring, bytes));
  const RecordHeader first = HeaderAt(ring, 0);
  CHECK(first.flags == kFlagFirst);
  CHECK(first.length == kInlineMax);
  uint64_t total = 0;
  std::memcpy(&total, ring.writer_segment.data() + 16, sizeof(total));
  CHECK(total == bytes);
  const RecordHeader last = HeaderAt(ring, RecordSpan(kInlineMax));
  CHECK(last.flags == kFlagLast);
  CHECK(last.length == bytes - (kInlineMax - 8));
  CHECK(last.sequence == 1);
}

TEST_CASE("continues a fragmented message where the room ended") {
  test::RingPair ring;
  const test::Payload payload(kRingBytes * 2);
  uint64_t offset = 0;
  bool wrote = true;
  while (wrote) {
    REQUIRE(ring.writer.WriteNext(1, 2, payload.data(), payload.size(), &offset, &wrote).ok());
  }
  ring.writer.Publish();
  CHECK(offset == 8 * kInlineMax - 8);
  CHECK(Tail(ring) == kRingBytes);
  SetPeerHead(&ring, RecordSpan(kInlineMax));
  REQUIRE(ring.writer.WriteNext(1, 2, payload.data(), payload.size(), &offset, &wrote).ok());
  CHECK(wrote);
  CHECK(offset == 9 * kInlineMax - 8);
  CHECK(HeaderAt(ring, kRingBytes).flags == 0);
}

TEST_CASE("rejects another message or offset while a message is unfinished") {
  test::RingPair ring;
  const test::Payload payload(kRingBytes * 2);
  const std::byte* data = payload.data();
  uint64_t offset = 1;
  bool wrote = false;
  const auto write = [&](uint16_t kind, uint32_t id, uint64_t length, uint64_t at) {
    offset = at;
    return ring.writer.WriteNext(kind, id, data, length, &offset, &wrote).code();
  };
  CHECK(write(1, 1, 10, 1) == StatusCode::kInvalidArgument);
  CHECK(write(1, 1, payload.size(), 1) == StatusCode::kInvalidArgument);
  REQUIRE(write(1, 1, payload.size(), 0) == StatusCode::kOk);
  const uint64_t next = offset;
  CHECK(write(2, 1, payload.size(), next) == StatusCode::kInvalidArgument);
  CHECK(write(1, 2, payload.size(), next) == StatusCode::kInvalidArgument);
  CHECK(write(1, 1, payload.size() - 1, next) == StatusCode::kInvalidArgument);
  CHECK(write(1, 1, payload.size(), next - 1) == StatusCode::kInvalidArgument);
  CHECK(write(1, 1, payload.size(), 0) == StatusCode::kInvalidArgument);
  CHECK(write(1, 1, 0, 0) == StatusCode::kInvalidArgument);
  CHECK(write(1, 1, payload.size(), next) == StatusCode::kOk);
}

TEST_CASE("rejects a head that the peer cannot have") {
  test::RingPair ring;
  for (int count = 0; count < 8; count++) REQUIRE(WriteOne(&ring, kInlineMax));
  SetPeerHead(&ring, 1024);
  REQUIRE(WriteOne(&ring, 16));
  const uint64_t tail = Tail(ring);
  for (const uint64_t head : {uint64_t{1032}, uint64_t{1025}, uint64_t{1008}, uint64_t{0},
                              tail + 16, ~uint64_t{0} << 4, uint64_t{1} << 63}) {
    CAPTURE(head);
    SetPeerHead(&ring, head);
    std::byte* bytes = nullptr;
    CHECK(ring.writer.Claim(kInlineMax, &bytes).code() == StatusCode::kCorrupt);
    CHECK(bytes == nullptr);
    bool has_room = true;
    CHECK(ring.writer.HasRoom(kInlineMax, &has_room).code() == StatusCode::kCorrupt);
    CHECK_FALSE(has_room);
    uint64_t depth = 0;
    CHECK(ring.writer.DepthBytes(&depth).code() == StatusCode::kCorrupt);
  }
  SetPeerHead(&ring, tail);
  CHECK(WriteOne(&ring, kInlineMax));
}

TEST_CASE("finds room for any record at any tail when a quarter is free") {
  test::RingPair ring;
  // One record of 16 bytes at a time, so that each position of a round occurs.
  for (uint64_t tail = 0; tail < 2 * kRingBytes; tail += 16) {
    const uint64_t unread = kRingBytes - QuarterBytes(kRingBytes);
    SetPeerHead(&ring, tail < unread ? 0 : tail - unread);
    bool has_room = false;
    REQUIRE(ring.writer.HasRoom(kInlineMax, &has_room).ok());
    REQUIRE(has_room);
    REQUIRE(WriteOne(&ring, 0));
  }
}

TEST_CASE("counts messages and payload bytes") {
  test::RingPair ring;
  REQUIRE(WriteOne(&ring, 100));
  REQUIRE(WriteOne(&ring, kInlineMax * 2));
  const SegmentCounters& counters = ring.writer_segment.control()->counters;
  CHECK(counters.messages_written.LoadRelaxed() == 2);
  CHECK(counters.bytes_written.LoadRelaxed() == 100 + kInlineMax * 2);
}

}  // namespace shmwire

TEST_SUITE_END();
