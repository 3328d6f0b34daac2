// What a peer that breaks the rules may write: each case is forged in its segment, byte for byte.

#include <functional>
#include <string>

#include "core/endpoint.h"
#include "core/ring_reader.h"
#include "test/support.h"

TEST_SUITE_BEGIN("ring_reader_corrupt_test");

namespace shmwire {
namespace {

using test::kInlineMax;
using test::kMessageBytesMax;
using test::kRingBytes;

// The peer's side of a ring, in its own hands.
class ForgedRing {
 public:
  void Tail(uint64_t position) { ring_.writer_segment.control()->tail.StoreRelaxed(position); }
  void Header(uint64_t position, const RecordHeader& header) {
    StoreRecordHeader(ring_.writer_segment.data() + (position & (kRingBytes - 1)), header);
  }
  void Total(uint64_t position, uint64_t total) {
    std::memcpy(ring_.writer_segment.data() + (position & (kRingBytes - 1)) + kRecordHeaderBytes,
                &total, sizeof(total));
  }
  // Honest messages that were read, up to `position`.
  void Advance(uint64_t position) {
    uint64_t tail = 0;
    while (tail < position) {
      const uint64_t left = position - tail - kRecordHeaderBytes;
      const uint64_t length = left < kInlineMax ? left : kInlineMax;
      REQUIRE(test::WriteAll(&ring_.writer, 1, 0, test::Payload(length)));
      tail += RecordSpan(length);
      sequence_++;
      REQUIRE(test::ReadAll(&ring_.reader).size() == 1);
    }
  }
  [[nodiscard]] uint32_t sequence() const { return sequence_; }

  // As Endpoint reads: all there is, whole messages and fragments.
  Status Read() {
    test::Payload target(kRingBytes);
    MessageDescriptor descriptors[16];
    for (;;) {
      if (Status status = ring_.reader.Poll(); !status.ok()) return status;
      Batch batch = {.target = target.data(),
                     .target_bytes = target.size(),
                     .offset = 0,
                     .descriptors = descriptors,
                     .descriptors_max = 16};
      bool more = false;
      if (Status status = ring_.reader.Receive(&batch, &more); !status.ok()) return status;
      ring_.reader.Release();
      if (!batch.fragmented && batch.count == 0 && !more) return {};
      if (!batch.fragmented) continue;
      test::Payload whole(static_cast<size_t>(batch.required_bytes));
      AssembledMessage message;
      Status status = ring_.reader.Assemble(whole.data(), whole.size(), &message, &more);
      if (!status.ok()) return status;
      ring_.reader.Release();
    }
  }

 private:
  test::RingPair ring_;
  uint32_t sequence_ = 0;
};

void CheckCorrupt(ForgedRing* ring, const char* context) {
  const Status status = ring->Read();
  CHECK(status.code() == StatusCode::kCorrupt);
  CHECK(std::string(status.context()) == context);
}

// One record at position 0 with a tail behind it.
void CheckRecord(const RecordHeader& header, uint64_t tail, const char* context) {
  ForgedRing ring;
  ring.Header(0, header);
  ring.Tail(tail);
  CheckCorrupt(&ring, context);
}

constexpr RecordHeader kHonest = {.length = 16, .kind = 1, .flags = kFlagsWhole, .id = 0, .sequence = 0};

RecordHeader With(const std::function<void(RecordHeader*)>& change) {
  RecordHeader header = kHonest;
  change(&header);
  return header;
}

}  // namespace

TEST_CASE("the honest record that the others differ from is accepted") {
  ForgedRing ring;
  ring.Header(0, kHonest);
  ring.Tail(32);
  CHECK(ring.Read().ok());
}

TEST_CASE("a tail that no writer can have is a violation") {
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

TEST_CASE("a tail that goes back is a violation") {
  ForgedRing ring;
  ring.Advance(4096);
  ring.Tail(4080);
  CheckCorrupt(&ring, "the peer's tail is more than a ring ahead");

  // Back, but not behind what was read.
  test::RingPair pair;
  for (int count = 0; count < 4; count++) REQUIRE(test::WriteAll(&pair.writer, 1, 0, {}));
  REQUIRE(pair.reader.Poll().ok());
  pair.writer_segment.control()->tail.StoreRelaxed(32);
  CHECK(std::string(pair.reader.Poll().context()) == "the peer's tail went back");
}

TEST_CASE("a record that is too long is a violation") {
  const char* context = "a record is longer than an eighth of the ring";
  for (const uint32_t length : {static_cast<uint32_t>(kInlineMax + 1), uint32_t{65536}, 0x7FFF'FFFFU,
                                0x7FFF'FFF0U}) {
    CheckRecord(With([&](RecordHeader* header) { header->length = length; }), kRingBytes, context);
  }
}

TEST_CASE("a record longer than what is published is a violation") {
  const char* context = "a record is longer than what is published";
  CheckRecord(With([](RecordHeader* header) { header->length = 17; }), 32, context);
  CheckRecord(With([](RecordHeader* header) { header->length = kInlineMax; }), 64, context);
  CheckRecord(kHonest, 16, context);
}

TEST_CASE("a record that passes the end of the ring is a violation") {
  ForgedRing ring;
  ring.Advance(kRingBytes - 32);
  ring.Header(kRingBytes - 32, {.length = 17,
                                .kind = 1,
                                .flags = kFlagsWhole,
                                .id = 0,
                                .sequence = ring.sequence()});
  ring.Tail(kRingBytes + 32);
  CheckCorrupt(&ring, "a record passes the ring's end");
}

TEST_CASE("a record without a kind, or with unknown flags, is a violation") {
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

TEST_CASE("a record out of sequence is a violation") {
  for (const uint32_t sequence : {1U, 0xFFFF'FFFFU}) {
    CheckRecord(With([&](RecordHeader* header) { header->sequence = sequence; }), 32,
                "a record is out of sequence");
  }
}

TEST_CASE("a pad that is not exactly one is a violation") {
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
      {with([](RecordHeader* header) { header->kind = 1; }), 128, "a pad has a kind or flags"},
      {with([](RecordHeader* header) { header->flags = 1; }), 128, "a pad has a kind or flags"},
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
      {pad, 48, "a pad is longer than what is published"},
  };
  for (const Case& one : cases) {
    ForgedRing ring;
    ring.Advance(kRingBytes - kLeft);
    ring.Header(kRingBytes - kLeft, one.header);
    ring.Tail(kRingBytes - kLeft + one.published);
    CheckCorrupt(&ring, one.context);
  }
}

TEST_CASE("a pad as long as a record is a violation, the whole ring too") {
  const char* context = "a pad is as long as a record";
  CheckRecord({.length = kPadBit | static_cast<uint32_t>(kRingBytes - 16), .kind = 0, .flags = 0, .id = 0,
               .sequence = 0},
              kRingBytes, context);
  ForgedRing ring;
  const uint64_t start = kRingBytes - RecordSpan(kInlineMax);
  ring.Advance(start);
  ring.Header(start, {.length = kPadBit | static_cast<uint32_t>(kInlineMax), .kind = 0, .flags = 0, .id = 0,
                      .sequence = 0});
  ring.Tail(kRingBytes);
  CheckCorrupt(&ring, context);
}

TEST_CASE("a pad with nothing after it is skipped, and the ring goes on") {
  ForgedRing ring;
  ring.Advance(kRingBytes - 64);
  ring.Header(kRingBytes - 64,
              {.length = kPadBit | 48, .kind = 0, .flags = 0, .id = 0, .sequence = 0});
  ring.Tail(kRingBytes);
  CHECK(ring.Read().ok());
  ring.Header(kRingBytes, {.length = 0,
                           .kind = 1,
                           .flags = kFlagsWhole,
                           .id = 0,
                           .sequence = ring.sequence()});
  ring.Tail(kRingBytes + 16);
  CHECK(ring.Read().ok());
}

TEST_CASE("a message above the limit is a violation, whole or in fragments") {
  test::RingPair small(kRingBytes, 100);
  REQUIRE(test::WriteAll(&small.writer, 1, 0, test::Payload(100)));
  CHECK(test::ReadAll(&small.reader).size() == 1);
  REQUIRE(test::WriteAll(&small.writer, 1, 0, test::Payload(101)));
  REQUIRE(small.reader.Poll().ok());
  test::Payload target(1000);
  MessageDescriptor descriptor;
  Batch batch = {.target = target.data(),
                 .target_bytes = target.size(),
                 .offset = 0,
                 .descriptors = &descriptor,
                 .descriptors_max = 1};
  bool more = false;
  CHECK(std::string(small.reader.Receive(&batch, &more).context()) ==
        "a message is longer than maxMessageBytes");

  for (const uint64_t total : {kMessageBytesMax + 1, ~uint64_t{0}, uint64_t{1} << 63}) {
    ForgedRing ring;
    ring.Header(0, With([](RecordHeader* header) { header->flags = kFlagFirst; }));
    ring.Total(0, total);
    ring.Tail(32);
    CheckCorrupt(&ring, "a message is longer than maxMessageBytes");
  }
}

TEST_CASE("a first fragment that cannot be one is a violation") {
  for (const uint32_t length : {0U, 7U, 8U}) {
    ForgedRing ring;
    ring.Header(0, With([&](RecordHeader* header) {
                  header->flags = kFlagFirst;
                  header->length = length;
                }));
    ring.Total(0, 1000);
    ring.Tail(32);
    CheckCorrupt(&ring, "a first fragment is empty");
  }
  for (const uint64_t total : {uint64_t{0}, uint64_t{7}, uint64_t{8}}) {
    ForgedRing ring;
    ring.Header(0, With([](RecordHeader* header) { header->flags = kFlagFirst; }));  // 8 + 8 bytes
    ring.Total(0, total);
    ring.Tail(32);
    CheckCorrupt(&ring, "a first fragment holds more than its message");
  }
}

TEST_CASE("a later fragment without a first is a violation") {
  for (const uint16_t flags : {uint16_t{0}, kFlagLast}) {
    CheckRecord(With([&](RecordHeader* header) { header->flags = flags; }), 32,
                "a fragment has no beginning");
  }
}

TEST_CASE("a fragment that does not continue its message is a violation") {
  struct Case {
    std::function<void(RecordHeader*)> change;
    const char* context;
  };
  // After a first fragment of 8 bytes of 24, of kind 1 and id 5; a middle one of 8 is honest.
  const Case cases[] = {
      {[](RecordHeader* header) { header->flags = kFlagFirst; }, "a message begins inside another"},
      {[](RecordHeader* header) { header->flags = kFlagsWhole; }, "a message begins inside another"},
      {[](RecordHeader* header) { header->kind = 2; }, "a fragment is of another message"},
      {[](RecordHeader* header) { header->id = 6; }, "a fragment is of another message"},
      {[](RecordHeader* header) { header->length = 0; }, "a fragment is empty"},
      {[](RecordHeader* header) { header->length = 17; }, "fragments hold more than their message"},
      {[](RecordHeader* header) { header->length = 16; },
       "the last fragment does not end its message"},
      {[](RecordHeader* header) { header->flags = kFlagLast; },
       "the last fragment does not end its message"},
      {[](RecordHeader* header) { header->sequence = 0; }, "a record is out of sequence"},
  };
  for (const Case& one : cases) {
    ForgedRing ring;
    ring.Header(0, {.length = 16, .kind = 1, .flags = kFlagFirst, .id = 5, .sequence = 0});
    ring.Total(0, 24);
    RecordHeader next = {.length = 8, .kind = 1, .flags = 0, .id = 5, .sequence = 1};
    one.change(&next);
    ring.Header(32, next);
    ring.Tail(32 + 48);
    CheckCorrupt(&ring, one.context);
  }
}

TEST_CASE("a total that changes after it was checked has no effect") {
  test::RingPair pair;
  const test::Payload payload = test::MakePayload(1, kInlineMax + 100);
  REQUIRE(test::WriteAll(&pair.writer, 1, 1, payload));
  REQUIRE(pair.reader.Poll().ok());
  Batch batch = {.target = nullptr, .target_bytes = 0, .offset = 0, .descriptors = nullptr,
                 .descriptors_max = 1};
  bool more = false;
  REQUIRE(pair.reader.Receive(&batch, &more).ok());
  REQUIRE(batch.required_bytes == static_cast<int64_t>(payload.size()));
  const uint64_t forged = ~uint64_t{0};
  std::memcpy(pair.writer_segment.data() + 16, &forged, sizeof(forged));
  StoreRecordHeader(pair.writer_segment.data(), {.length = 0x7FFF'FFFF, .kind = 0, .flags = 9, .id = 9,
                                                 .sequence = 9});
  test::Payload target(payload.size());
  AssembledMessage message;
  REQUIRE(pair.reader.Assemble(target.data(), target.size(), &message, &more).ok());
  CHECK(message.whole);
  CHECK(message.kind == 1);
  CHECK(target == payload);
}

TEST_CASE("messages before a violation are delivered, and the violation stays") {
  Endpoint writer;
  Endpoint reader;
  REQUIRE(writer.Create(kRingBytes, kMessageBytesMax).ok());
  REQUIRE(reader.Create(kRingBytes, kMessageBytesMax).ok());
  REQUIRE(reader.Attach(PeerSegment::Borrow(writer.own())).ok());
  REQUIRE(writer.Attach(PeerSegment::Borrow(reader.own())).ok());
  uint64_t offset = 0;
  bool wrote = false;
  bool doorbell = false;
  REQUIRE(writer.Write(1, 1, nullptr, 0, &offset, &wrote, &doorbell).ok());
  StoreRecordHeader(writer.own().data() + 16, {.length = 0, .kind = 0, .flags = 0, .id = 0, .sequence = 0});
  writer.own().control()->tail.StoreRelaxed(32);

  MessageDescriptor descriptors[4];
  Batch batch = {.target = nullptr, .target_bytes = 0, .offset = 0, .descriptors = descriptors,
                 .descriptors_max = 4};
  CHECK(reader.Receive(&batch, 0, false, &doorbell).ok());
  CHECK(batch.count == 1);
  // Mended memory mends nothing.
  StoreRecordHeader(writer.own().data() + 16,
                    {.length = 0, .kind = 1, .flags = kFlagsWhole, .id = 0, .sequence = 1});
  bool has_data = true;
  WaitOutcome outcome = WaitOutcome::kReady;
  batch.count = 0;
  CHECK(reader.Receive(&batch, 0, false, &doorbell).code() == StatusCode::kCorrupt);
  CHECK(reader.Receive(&batch, 1000, true, &doorbell).code() == StatusCode::kCorrupt);
  CHECK(reader.ArmForData(&has_data).code() == StatusCode::kCorrupt);
  CHECK(reader.WaitForData(test::kNeverNanos, &outcome).code() == StatusCode::kCorrupt);
  CHECK(reader.Write(1, 1, nullptr, 0, &offset, &wrote, &doorbell).code() == StatusCode::kCorrupt);
  CHECK(reader.DisarmForData().ok());
  CHECK(batch.count == 0);
}

TEST_CASE("any bytes whatever end in messages or a violation, never elsewhere") {
  const uint64_t seed = test::Seed();
  MESSAGE("SHMWIRE_TEST_SEED=", seed);
  test::Random random(seed);
  for (int round = 0; round < 3000; round++) {
    ForgedRing ring;
    const uint64_t start = 16 * random.Below(kRingBytes / 16);
    ring.Advance(start < 32 ? 0 : start);
    const uint64_t base = start < 32 ? 0 : start;
    uint32_t sequence = ring.sequence();
    for (uint64_t at = base; at < base + 512; at += 16 * (1 + random.Below(3))) {
      ring.Header(at, {.length = static_cast<uint32_t>(random.Below(3) == 0 ? random.Next() : random.Below(64)),
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
