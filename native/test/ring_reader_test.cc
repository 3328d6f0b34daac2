#include "core/ring_reader.h"

#include "test/support.h"

TEST_SUITE_BEGIN("ring_reader_test");

namespace shmwire {
namespace {

using test::kInlineMax;
using test::kRingBytes;

uint64_t Head(const test::RingPair& ring) {
  return ring.reader_segment.control()->head.LoadRelaxed();
}

// A target of `bytes` with room for `records`.
struct Target {
  explicit Target(uint64_t bytes, uint32_t records = 64) : memory(bytes), descriptors(records) {}

  Batch Begin(uint64_t offset = 0) {
    return {.target = memory.data(),
            .target_bytes = memory.size(),
            .offset = offset,
            .descriptors = descriptors.data(),
            .descriptors_max = static_cast<uint32_t>(descriptors.size())};
  }

  test::Payload memory;
  std::vector<MessageDescriptor> descriptors;
};

Batch ReceiveOnce(test::RingPair* ring, Target* target, uint64_t offset = 0) {
  Batch batch = target->Begin(offset);
  bool more = false;
  REQUIRE(ring->reader.Poll().ok());
  REQUIRE(ring->reader.Receive(&batch, &more).ok());
  CHECK_FALSE(more);
  return batch;
}

}  // namespace

TEST_CASE("delivers after Freeze only the messages published before") {
  test::RingPair ring;
  REQUIRE(test::WriteAll(&ring.writer, 3, 1, test::MakePayload(1, 100)));
  REQUIRE(ring.reader.Freeze().ok());
  REQUIRE(test::WriteAll(&ring.writer, 3, 2, test::MakePayload(2, 100)));
  CHECK(test::ReadAll(&ring.reader).size() == 1);
  REQUIRE(ring.reader.Poll().ok());
  CHECK_FALSE(ring.reader.has_data());
}

TEST_CASE("delivers messages unchanged and in order") {
  test::RingPair ring;
  Target target(65536);
  uint64_t index = 0;
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{1}, uint64_t{15}, uint64_t{16}, uint64_t{17},
                               uint64_t{1000}, kInlineMax - 1, kInlineMax}) {
    const test::Payload payload = test::MakePayload(index, bytes);
    REQUIRE(test::WriteAll(&ring.writer, 3, static_cast<uint32_t>(index), payload));
    const std::vector<test::Received> received = test::ReadAll(&ring.reader);
    REQUIRE(received.size() == 1);
    CHECK(received[0].kind == 3);
    CHECK(received[0].id == index);
    CHECK(received[0].payload == payload);
    index++;
  }
}

TEST_CASE("fills a batch at multiples of 8, and releases nothing by itself") {
  test::RingPair ring;
  for (uint32_t id = 0; id < 3; id++) {
    REQUIRE(test::WriteAll(&ring.writer, 1, id, test::MakePayload(id, 5)));
  }
  Target target(64);
  const Batch batch = ReceiveOnce(&ring, &target, 3);
  CHECK(batch.count == 3);
  CHECK(batch.offset == 29);  // exact: not past the target's end
  CHECK(batch.required_bytes == -1);
  CHECK_FALSE(batch.fragmented);
  for (uint32_t id = 0; id < 3; id++) {
    CHECK(target.descriptors[id].offset == 8 + 8 * id);
    CHECK(target.descriptors[id].length == 5);
  }
  CHECK(Head(ring) == 0);
  CHECK(ring.reader.Release());
  CHECK(Head(ring) == 3 * RecordSpan(5));
  CHECK_FALSE(ring.reader.Release());
}

TEST_CASE("returns an empty batch for an empty ring") {
  test::RingPair ring;
  Target target(64);
  const Batch batch = ReceiveOnce(&ring, &target);
  CHECK(batch.count == 0);
  CHECK(batch.required_bytes == -1);
  CHECK_FALSE(ring.reader.Release());
}

TEST_CASE("ends a batch when all descriptors are used") {
  test::RingPair ring;
  for (uint32_t id = 0; id < 5; id++) REQUIRE(test::WriteAll(&ring.writer, 1, id, {}));
  Target target(64, 2);
  CHECK(ReceiveOnce(&ring, &target).count == 2);
  CHECK(ReceiveOnce(&ring, &target).count == 2);
  CHECK(ReceiveOnce(&ring, &target).count == 1);
}

TEST_CASE("keeps a message that does not fit, and reports its length") {
  test::RingPair ring;
  REQUIRE(test::WriteAll(&ring.writer, 1, 1, test::MakePayload(1, 60)));
  REQUIRE(test::WriteAll(&ring.writer, 1, 2, test::MakePayload(2, 61)));
  Target target(124);
  const Batch batch = ReceiveOnce(&ring, &target);
  CHECK(batch.count == 1);
  CHECK(batch.required_bytes == 61);
  CHECK_FALSE(batch.fragmented);
  Target exact(61);
  CHECK(ReceiveOnce(&ring, &exact).count == 1);
  CHECK(exact.memory == test::MakePayload(2, 61));
}

TEST_CASE("delivers an empty message into a full target") {
  test::RingPair ring;
  REQUIRE(test::WriteAll(&ring.writer, 1, 1, test::MakePayload(1, 13)));
  REQUIRE(test::WriteAll(&ring.writer, 1, 2, {}));
  Target target(13);
  CHECK(ReceiveOnce(&ring, &target).count == 2);
  CHECK(target.descriptors[1].length == 0);
  Target none(0);
  REQUIRE(test::WriteAll(&ring.writer, 1, 3, {}));
  CHECK(ReceiveOnce(&ring, &none).count == 1);
}

TEST_CASE("copies no bytes to an offset past the end") {
  test::RingPair ring;
  REQUIRE(test::WriteAll(&ring.writer, 1, 1, test::MakePayload(1, 1)));
  Target target(9);
  const Batch batch = ReceiveOnce(&ring, &target, 9);  // aligned to 16
  CHECK(batch.count == 0);
  CHECK(batch.required_bytes == 1);
}

TEST_CASE("wraps around the end of the ring, with and without padding") {
  test::RingPair ring;
  test::Random random(7);
  for (uint64_t index = 0; index < 5000; index++) {
    const test::Payload payload = test::MakePayload(index, random.Below(kInlineMax + 1));
    REQUIRE(test::WriteAll(&ring.writer, 1, static_cast<uint32_t>(index), payload));
    const std::vector<test::Received> received = test::ReadAll(&ring.reader);
    REQUIRE(received.size() == 1);
    REQUIRE(received[0].payload == payload);
  }
}

TEST_CASE("pauses a batch when a quarter of the ring has been read") {
  test::RingPair ring;
  for (uint32_t id = 0; id < 8; id++) {
    REQUIRE(test::WriteAll(&ring.writer, 1, id, test::Payload(kInlineMax)));
  }
  Target target(kRingBytes);
  Batch batch = target.Begin();
  bool more = false;
  uint32_t pauses = 0;
  REQUIRE(ring.reader.Poll().ok());
  for (;;) {
    REQUIRE(ring.reader.Receive(&batch, &more).ok());
    if (!more) break;
    pauses++;
    CHECK(ring.reader.Release());
    CHECK(Head(ring) == pauses * QuarterBytes(kRingBytes));
  }
  CHECK(pauses == 4);
  CHECK(batch.count == 8);
}

TEST_CASE("joins fragments to one message") {
  test::RingPair ring;
  for (const uint64_t bytes :
       {kInlineMax + 1, 2 * kInlineMax - 8, 2 * kInlineMax - 7, 5 * kInlineMax}) {
    CAPTURE(bytes);
    const test::Payload payload = test::MakePayload(bytes, bytes);
    REQUIRE(test::WriteAll(&ring.writer, 9, 77, payload));
    REQUIRE(test::WriteAll(&ring.writer, 1, 78, {}));
    const std::vector<test::Received> received = test::ReadAll(&ring.reader);
    REQUIRE(received.size() == 2);
    CHECK(received[0].kind == 9);
    CHECK(received[0].id == 77);
    CHECK(received[0].payload == payload);
    CHECK(received[1].id == 78);
  }
}

TEST_CASE("delivers a message longer than the ring") {
  test::RingPair ring;
  const test::Payload payload = test::MakePayload(3, 10 * kRingBytes + 12345);
  test::Payload target(payload.size());
  Target none(0);
  uint64_t offset = 0;
  bool wrote = false;
  bool more = false;
  AssembledMessage message;
  while (!message.whole) {
    do {
      REQUIRE(ring.writer.WriteNext(1, 4, payload.data(), payload.size(), &offset, &wrote).ok());
    } while (wrote && offset < payload.size());
    ring.writer.Publish();
    REQUIRE(ring.reader.Poll().ok());
    Batch batch = none.Begin();
    REQUIRE(ring.reader.Receive(&batch, &more).ok());
    CHECK(batch.count == 0);
    CHECK(batch.fragmented);
    CHECK(batch.required_bytes == static_cast<int64_t>(payload.size()));
    do {
      REQUIRE(ring.reader.Assemble(target.data(), target.size(), &message, &more).ok());
      ring.reader.Release();
    } while (more);
    CHECK(message.received_bytes == offset);
  }
  CHECK(offset == payload.size());
  CHECK(target == payload);
}

TEST_CASE("requires no bytes while a fragmented message waits for further fragments") {
  test::RingPair ring;
  const test::Payload payload(kInlineMax + 100);
  uint64_t offset = 0;
  bool wrote = false;
  bool more = false;
  REQUIRE(ring.writer.WriteNext(1, 4, payload.data(), payload.size(), &offset, &wrote).ok());
  ring.writer.Publish();
  Target none(0);
  CHECK(ReceiveOnce(&ring, &none).fragmented);
  test::Payload target(payload.size());
  AssembledMessage message;
  REQUIRE(ring.reader.Assemble(target.data(), target.size(), &message, &more).ok());
  CHECK_FALSE(message.whole);
  CHECK(message.received_bytes == kInlineMax - 8);
  const Batch waiting = ReceiveOnce(&ring, &none);
  CHECK_FALSE(waiting.fragmented);
  CHECK(waiting.required_bytes == -1);
  REQUIRE(ring.writer.WriteNext(1, 4, payload.data(), payload.size(), &offset, &wrote).ok());
  ring.writer.Publish();
  const Batch rest = ReceiveOnce(&ring, &none);
  CHECK(rest.fragmented);
  CHECK(rest.required_bytes == static_cast<int64_t>(payload.size()));
  REQUIRE(ring.reader.Assemble(target.data(), target.size(), &message, &more).ok());
  CHECK(message.whole);
}

TEST_CASE("assembles only a fragmented message, with its exact length") {
  test::RingPair ring;
  test::Payload target(kInlineMax + 100);
  AssembledMessage message;
  bool more = false;
  CHECK(ring.reader.Assemble(target.data(), target.size(), &message, &more).code() ==
        StatusCode::kInvalidArgument);
  REQUIRE(test::WriteAll(&ring.writer, 1, 1, test::Payload(target.size())));
  REQUIRE(ring.reader.Poll().ok());
  CHECK(ring.reader.Assemble(target.data(), target.size(), &message, &more).code() ==
        StatusCode::kInvalidArgument);
  Target none(0);
  CHECK(ReceiveOnce(&ring, &none).fragmented);
  for (const size_t bytes : {target.size() - 1, target.size() + 1, size_t{0}}) {
    CHECK(ring.reader.Assemble(target.data(), bytes, &message, &more).code() ==
          StatusCode::kInvalidArgument);
  }
  REQUIRE(ring.reader.Assemble(target.data(), target.size(), &message, &more).ok());
  CHECK(message.whole);
}

TEST_CASE("reads a full ring to its end") {
  test::RingPair ring;
  uint32_t count = 0;
  while (test::WriteAll(&ring.writer, 1, count, {})) count++;
  CHECK(count == kRingBytes / 16);
  const std::vector<test::Received> received = test::ReadAll(&ring.reader);
  REQUIRE(received.size() == count);
  for (uint32_t id = 0; id < count; id++) REQUIRE(received[id].id == id);
  CHECK(Head(ring) == kRingBytes);
}

TEST_CASE("counts messages and payload bytes") {
  test::RingPair ring;
  REQUIRE(test::WriteAll(&ring.writer, 1, 0, test::Payload(100)));
  REQUIRE(test::WriteAll(&ring.writer, 1, 0, test::Payload(2 * kInlineMax)));
  CHECK(test::ReadAll(&ring.reader).size() == 2);
  const SegmentCounters& counters = ring.reader_segment.control()->counters;
  CHECK(counters.messages_read.LoadRelaxed() == 2);
  CHECK(counters.bytes_read.LoadRelaxed() == 100 + 2 * kInlineMax);
}

}  // namespace shmwire

TEST_SUITE_END();
