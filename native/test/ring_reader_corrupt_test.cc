// Records from a peer that breaks the rules. Each case is forged in its segment, byte for byte.

#include <functional>
#include <string>

#include "core/endpoint.h"
#include "test/forged_ring.h"

TEST_SUITE_BEGIN("ring_reader_corrupt_test");

namespace shmwire {
namespace {

using test::CheckCorrupt;
using test::CheckRecord;
using test::ForgedRing;
using test::kHonest;
using test::kInlineMax;
using test::kMessageBytesMax;
using test::kRingBytes;
using test::With;

}  // namespace

TEST_CASE("accepts the valid record that the forged ones vary") {
  ForgedRing ring;
  ring.Header(0, kHonest);
  ring.Tail(32);
  CHECK(ring.Read().ok());
}

TEST_CASE("rejects a tail that no writer can have") {
  for (const uint64_t tail : {uint64_t{1}, uint64_t{8}, uint64_t{15}, uint64_t{17}}) {
    ForgedRing ring;
    ring.Tail(tail);
    CheckCorrupt(&ring, "the peer's tail is not aligned");
  }
  for (const uint64_t tail : {kRingBytes + 16, uint64_t{1} << 63, ~uint64_t{0} << 4}) {
    ForgedRing ring;
    ring.Tail(tail);
    CheckCorrupt(&ring, "the peer's tail is more than a ring ahead");
  }
}

TEST_CASE("rejects a tail that moves back") {
  ForgedRing ring;
  ring.Advance(4096);
  ring.Tail(4080);
  CheckCorrupt(&ring, "the peer's tail is more than a ring ahead");

  // Back, but not behind the head.
  test::RingPair pair;
  for (int count = 0; count < 4; count++) REQUIRE(test::WriteAll(&pair.writer, 1, 0, {}));
  REQUIRE(pair.reader.Poll().ok());
  pair.writer_segment.control()->tail.StoreRelaxed(32);
  CHECK(std::string(pair.reader.Poll().context()) == "the peer's tail moved back");
}

TEST_CASE("rejects a record that is too long") {
  const char* context = "a record is longer than an eighth of the ring";
  for (const uint32_t length :
       {static_cast<uint32_t>(kInlineMax + 1), uint32_t{65536}, 0x7FFF'FFFFU, 0x7FFF'FFF0U}) {
    CheckRecord(With([&](RecordHeader* header) { header->length = length; }), kRingBytes, context);
  }
}

TEST_CASE("rejects a record longer than the published bytes") {
  const char* context = "a record is longer than the published bytes";
  CheckRecord(With([](RecordHeader* header) { header->length = 17; }), 32, context);
  CheckRecord(With([](RecordHeader* header) { header->length = kInlineMax; }), 64, context);
  CheckRecord(kHonest, 16, context);
}

TEST_CASE("rejects a record that passes the end of the ring") {
  ForgedRing ring;
  ring.Advance(kRingBytes - 32);
  ring.Header(
      kRingBytes - 32,
      {.length = 17, .kind = 1, .flags = kFlagsWhole, .id = 0, .sequence = ring.sequence()});
  ring.Tail(kRingBytes + 32);
  CheckCorrupt(&ring, "a record passes the ring's end");
}

TEST_CASE("rejects a record without a kind or with unknown flags") {
  CheckRecord(With([](RecordHeader* header) { header->kind = 0; }), 32, "a record has no kind");
  for (const uint16_t flags : {uint16_t{4}, uint16_t{7}, uint16_t{0x8003}}) {
    CheckRecord(With([&](RecordHeader* header) { header->flags = flags; }), 32,
                "a record has unknown flags");
  }
  // Memory that was published and never written.
  ForgedRing ring;
  ring.Tail(4096);
  CheckCorrupt(&ring, "a record has no kind");
}

TEST_CASE("rejects a record out of sequence") {
  for (const uint32_t sequence : {1U, 0xFFFF'FFFFU}) {
    CheckRecord(With([&](RecordHeader* header) { header->sequence = sequence; }), 32,
                "a record is out of sequence");
  }
}

TEST_CASE("rejects an invalid pad") {
  constexpr uint64_t kLeft = 64;
  struct Case {
    RecordHeader header;
    uint64_t published;
    const char* context;
  };
  const RecordHeader pad = {
      .length = kPadBit | (kLeft - 16), .kind = 0, .flags = 0, .id = 0, .sequence = 0};
  const auto with = [&](const std::function<void(RecordHeader*)>& change) {
    RecordHeader header = pad;
    change(&header);
    return header;
  };
  const Case cases[] = {
      {with([](RecordHeader* header) { header->kind = 1; }), 128,
       "a record is longer than an eighth of the ring"},
      {with([](RecordHeader* header) { header->flags = 1; }), 128, "a pad has flags"},
      {with([](RecordHeader* header) { header->length -= 16; }), 128,
       "a pad does not end with the ring"},
      {with([](RecordHeader* header) { header->length += 16; }), 128,
       "a pad does not end with the ring"},
      {with([](RecordHeader* header) { header->length += 1; }), 128,
       "a pad does not end with the ring"},
      {with([](RecordHeader* header) { header->length = ~0U; }), 128,
       "a pad does not end with the ring"},
      {with([](RecordHeader* header) { header->length = kPadBit; }), 128,
       "a pad does not end with the ring"},
      {pad, 48, "a pad is longer than the published bytes"},
  };
  for (const Case& one : cases) {
    ForgedRing ring;
    ring.Advance(kRingBytes - kLeft);
    ring.Header(kRingBytes - kLeft, one.header);
    ring.Tail(kRingBytes - kLeft + one.published);
    CheckCorrupt(&ring, one.context);
  }
}

TEST_CASE("rejects a pad as long as a record, or as the whole ring") {
  const char* context = "a pad is as long as a record";
  CheckRecord({.length = kPadBit | static_cast<uint32_t>(kRingBytes - 16),
               .kind = 0,
               .flags = 0,
               .id = 0,
               .sequence = 0},
              kRingBytes, context);
  ForgedRing ring;
  const uint64_t start = kRingBytes - RecordSpan(kInlineMax);
  ring.Advance(start);
  ring.Header(start, {.length = kPadBit | static_cast<uint32_t>(kInlineMax),
                      .kind = 0,
                      .flags = 0,
                      .id = 0,
                      .sequence = 0});
  ring.Tail(kRingBytes);
  CheckCorrupt(&ring, context);
}

TEST_CASE("skips a pad with nothing after it, and continues") {
  ForgedRing ring;
  ring.Advance(kRingBytes - 64);
  ring.Header(kRingBytes - 64,
              {.length = kPadBit | 48, .kind = 0, .flags = 0, .id = 0, .sequence = 0});
  ring.Tail(kRingBytes);
  CHECK(ring.Read().ok());
  ring.Header(kRingBytes,
              {.length = 0, .kind = 1, .flags = kFlagsWhole, .id = 0, .sequence = ring.sequence()});
  ring.Tail(kRingBytes + 16);
  CHECK(ring.Read().ok());
}

TEST_CASE("delivers the messages before a violation, and keeps reporting it") {
  Endpoint writer;
  Endpoint reader;
  REQUIRE(writer.Create(kRingBytes, kMessageBytesMax).ok());
  REQUIRE(reader.Create(kRingBytes, kMessageBytesMax).ok());
  REQUIRE(reader.Attach(PeerSegment::Borrow(writer.own())).ok());
  REQUIRE(writer.Attach(PeerSegment::Borrow(reader.own())).ok());
  uint64_t offset = 0;
  bool wrote = false;
  bool needs_wake = false;
  REQUIRE(writer.Write(1, 1, nullptr, 0, &offset, &wrote, &needs_wake).ok());
  StoreRecordHeader(writer.own().data() + 16,
                    {.length = 0, .kind = 0, .flags = 0, .id = 0, .sequence = 0});
  writer.own().control()->tail.StoreRelaxed(32);

  MessageDescriptor descriptors[4];
  Batch batch = {.target = nullptr,
                 .target_bytes = 0,
                 .offset = 0,
                 .descriptors = descriptors,
                 .descriptors_max = 4};
  CHECK(reader.Receive(&batch, {}, &needs_wake).ok());
  CHECK(batch.count == 1);
  // A peer that repairs its memory does not end the violation.
  StoreRecordHeader(writer.own().data() + 16,
                    {.length = 0, .kind = 1, .flags = kFlagsWhole, .id = 0, .sequence = 1});
  bool has_data = true;
  WaitOutcome outcome = WaitOutcome::kReady;
  batch.count = 0;
  CHECK(reader.Receive(&batch, {}, &needs_wake).code() == StatusCode::kCorrupt);
  CHECK(reader.Receive(&batch, {1000, true}, &needs_wake).code() == StatusCode::kCorrupt);
  CHECK(reader.ArmForData(&has_data).code() == StatusCode::kCorrupt);
  CHECK(reader.Wait({.for_data = true, .timeout_nanos = test::kNeverNanos}, &outcome).code() ==
        StatusCode::kCorrupt);
  CHECK(reader.Write(1, 1, nullptr, 0, &offset, &wrote, &needs_wake).code() ==
        StatusCode::kCorrupt);
  CHECK(reader.DisarmForData().ok());
  CHECK(batch.count == 0);
}

TEST_CASE("turns arbitrary bytes into messages or a violation only") {
  const uint64_t seed = test::PrintedSeed();
  test::Random random(seed);
  for (int round = 0; round < 3000; round++) {
    ForgedRing ring;
    const uint64_t start = 16 * random.Below(kRingBytes / 16);
    ring.Advance(start < 32 ? 0 : start);
    const uint64_t base = start < 32 ? 0 : start;
    uint32_t sequence = ring.sequence();
    for (uint64_t at = base; at < base + 512; at += 16 * (1 + random.Below(3))) {
      ring.Header(at, {.length = static_cast<uint32_t>(random.Below(3) == 0 ? random.Next()
                                                                            : random.Below(64)),
                       .kind = static_cast<uint16_t>(random.Below(3)),
                       .flags = static_cast<uint16_t>(random.Below(5)),
                       .id = static_cast<uint32_t>(random.Below(2)),
                       .sequence = sequence});
      if (random.Below(4) != 0) sequence++;
    }
    ring.Tail(base + 16 * random.Below(32));
    const Status status = ring.Read();
    REQUIRE((status.ok() || status.code() == StatusCode::kCorrupt));
  }
}

}  // namespace shmwire

TEST_SUITE_END();
