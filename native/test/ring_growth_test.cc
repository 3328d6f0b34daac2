// An elastic ring: it begins in the first 64 KiB of its data area, and moves to all of it.

#include <deque>
#include <utility>

#include "test/endpoint_support.h"
#include "test/forged_ring.h"

TEST_SUITE_BEGIN("ring_growth_test");

namespace shmwire {
namespace {

using test::kInlineMax;
using test::Payload;

constexpr uint64_t kLargeBytes = uint64_t{1} << 18;

uint64_t Tail(const test::RingPair& ring) {
  return ring.writer_segment.control()->tail.LoadRelaxed();
}

uint32_t Accepted(const test::RingPair& ring) {
  return ring.reader_segment.control()->accepted.LoadRelaxed();
}

// How many records of `bytes` find room.
uint64_t Fill(test::RingPair* ring, uint64_t bytes) {
  uint64_t count = 0;
  while (test::WriteAll(&ring->writer, 1, 0, Payload(bytes))) count++;
  return count;
}

// Fills the ring and reads it until it has grown. Then it is empty.
void GrowFully(test::RingPair* ring) {
  for (int lap = 0; lap < 4; lap++) {
    Fill(ring, 1008);
    test::ReadAll(&ring->reader);
  }
  REQUIRE(ring->writer.inline_bytes_max() == InlineBytesMax(kLargeBytes));
}

// Writes records as far as there is room, and reads some of them, in a random order.
class RandomTraffic {
 public:
  RandomTraffic(uint64_t seed, uint64_t ring_bytes)
      : random_(seed), ring_(ring_bytes, 4 * ring_bytes), ring_bytes_(ring_bytes) {
    random_.Next();
  }

  void Run(int steps) {
    for (int step = 0; step < steps; step++) {
      if (random_.Below(2) == 0) {
        Write();
      } else {
        Read();
      }
    }
    while (!expected_.empty() || active_) {
      Write();
      Read();
    }
    CHECK(Accepted(ring_) == 1);
  }

 private:
  void Write() {
    const uint64_t count = random_.Below(200);
    for (uint64_t index = 0; index < count; index++) {
      if (!active_) {
        message_ = test::MakePayload(random_.Next(), Length());
        offset_ = 0;
        active_ = true;
        expected_.push_back({1, id_, message_});
      }
      bool wrote = false;
      do {
        REQUIRE(ring_.writer.WriteNext(1, id_, message_.data(), message_.size(), &offset_, &wrote)
                    .ok());
      } while (wrote && offset_ < message_.size());
      ring_.writer.Publish();
      if (!wrote) return;
      id_++;
      active_ = false;
    }
  }

  void Read() {
    MessageDescriptor descriptors[16];
    Payload target(kSmallRingBytes);
    const uint64_t batches = random_.Below(20);
    for (uint64_t count = 0; count < batches; count++) {
      REQUIRE(ring_.reader.Poll().ok());
      bool more = false;
      if (whole_.empty()) {
        Batch batch = {.target = target.data(),
                       .target_bytes = target.size(),
                       .offset = 0,
                       .descriptors = descriptors,
                       .descriptors_max = 16};
        REQUIRE(ring_.reader.Receive(&batch, &more).ok());
        for (uint32_t index = 0; index < batch.count; index++) {
          const MessageDescriptor& one = descriptors[index];
          const std::byte* start = target.data() + one.offset;
          Compare(one.id, Payload(start, start + one.length));
        }
        if (batch.fragmented) whole_.resize(static_cast<size_t>(batch.required_bytes));
      } else {
        AssembledMessage message;
        REQUIRE(ring_.reader.Assemble(whole_.data(), whole_.size(), &message, &more).ok());
        if (message.whole) Compare(message.id, std::exchange(whole_, {}));
      }
      ring_.reader.Release();
    }
  }

  void Compare(uint32_t id, const Payload& payload) {
    REQUIRE(!expected_.empty());
    CHECK(id == expected_.front().id);
    CHECK(payload == expected_.front().payload);
    expected_.pop_front();
  }

  uint64_t Length() {
    switch (random_.Below(8)) {
      case 0:
        return random_.Below(ring_bytes_ / 16);
      case 1:
        return kInlineMax - 1 + random_.Below(3);
      default:
        return random_.Below(300);
    }
  }

  test::Random random_;
  test::RingPair ring_;
  uint64_t ring_bytes_;
  std::deque<test::Received> expected_;
  Payload message_;
  Payload whole_;  // a fragmented message that is still arriving
  uint64_t offset_ = 0;
  uint32_t id_ = 0;
  bool active_ = false;
};

}  // namespace

TEST_CASE("uses 64 KiB until a record finds no room, and then the whole ring") {
  test::RingPair ring(kLargeBytes);
  CHECK(ring.writer.inline_bytes_max() == kInlineMax);
  // Two headers stay free, for OFFER and MOVE.
  CHECK(Fill(&ring, 1008) == (kSmallRingBytes - kGrowthStepsBytes) / 1024);
  CHECK(Accepted(ring) == 0);
  bool has_room = true;
  REQUIRE(ring.writer.HasRoom(1008, &has_room).ok());
  CHECK_FALSE(has_room);
  CHECK(test::ReadAll(&ring.reader).size() == 63);
  CHECK(Accepted(ring) == 1);
  GrowFully(&ring);
  CHECK(Fill(&ring, 1008) == kLargeBytes / 1024);
  CHECK(test::ReadAll(&ring.reader).size() == kLargeBytes / 1024);
}

TEST_CASE("reports room as soon as the reader has accepted the whole ring") {
  test::RingPair ring(kLargeBytes);
  Fill(&ring, 1008);
  bool has_room = true;
  REQUIRE(ring.writer.HasRoom(1008, &has_room).ok());
  CHECK_FALSE(has_room);
  ring.reader_segment.control()->accepted.StoreRelaxed(1);
  REQUIRE(ring.writer.HasRoom(1008, &has_room).ok());
  CHECK(has_room);
}

TEST_CASE("stays small, and loses nothing, while the reader does not accept") {
  test::RingPair ring(kLargeBytes);
  for (int round = 0; round < 20; round++) {
    Fill(&ring, 1000);
    // A reader that skips OFFER without a check.
    const uint64_t tail = Tail(ring);
    ring.reader_segment.control()->head.StoreRelaxed(tail);
  }
  CHECK(ring.writer.inline_bytes_max() == kInlineMax);
}

TEST_CASE("offers a ring once") {
  test::RingPair ring(kLargeBytes);
  Fill(&ring, 1008);
  const uint64_t tail = Tail(ring);
  CHECK(Fill(&ring, 1008) == 0);
  CHECK(Tail(ring) == tail);
}

TEST_CASE("creates the pages of a large ring in parts, and offers it with the last one") {
  constexpr uint64_t kParts = 4;
  test::RingPair ring(uint64_t{1} << 20);
  const Payload payload(1008);
  uint64_t count = 0;
  while (test::WriteAll(&ring.writer, 1, 0, payload)) count++;
  const uint64_t full = Tail(ring);
  CHECK(full == count * 1024);
  for (uint64_t part = 1; part < kParts; part++) {
    CHECK(Tail(ring) == full);
    CHECK_FALSE(test::WriteAll(&ring.writer, 1, 0, payload));
  }
  CHECK(Tail(ring) == full + kRecordHeaderBytes);
}

TEST_CASE("counts no skipped bytes as depth") {
  test::RingPair ring(kLargeBytes);
  uint64_t depth = 0;
  const uint64_t small = Fill(&ring, 1008);
  // MOVE follows OFFER at once, at the end of the first lap.
  ring.reader_segment.control()->accepted.StoreRelaxed(1);
  const uint64_t large = Fill(&ring, 1008);
  REQUIRE(ring.writer.inline_bytes_max() == InlineBytesMax(kLargeBytes));
  REQUIRE(ring.writer.DepthBytes(&depth).ok());
  CHECK(depth == (small + large) * 1024 + 2 * kRecordHeaderBytes);
  // The peer may store any head up to the tail, also where no record begins.
  ring.reader_segment.control()->head.StoreRelaxed(kSmallRingBytes - kRecordHeaderBytes);
  REQUIRE(ring.writer.DepthBytes(&depth).ok());
  CHECK(depth == large * 1024);
}

TEST_CASE("keeps a claim that is open while the reader accepts") {
  test::RingPair ring(kLargeBytes);
  const uint64_t count = Fill(&ring, 1008);
  ring.writer.Publish();
  // Room for the claim. OFFER is still unread behind the other records.
  MessageDescriptor descriptors[2];
  Payload target(2 * 1024);
  Batch batch = {.target = target.data(),
                 .target_bytes = target.size(),
                 .offset = 0,
                 .descriptors = descriptors,
                 .descriptors_max = 2};
  bool more = false;
  REQUIRE(ring.reader.Poll().ok());
  REQUIRE(ring.reader.Receive(&batch, &more).ok());
  REQUIRE(batch.count == 2);
  ring.reader.Release();
  std::byte* bytes = nullptr;
  REQUIRE(ring.writer.Claim(1000, &bytes).ok());
  REQUIRE(bytes != nullptr);
  REQUIRE(Accepted(ring) == 0);
  CHECK(test::ReadAll(&ring.reader).size() == count - 2);
  REQUIRE(Accepted(ring) == 1);
  std::memset(bytes, 7, 1000);
  bool has_room = false;
  REQUIRE(ring.writer.HasRoom(1000, &has_room).ok());
  CHECK(has_room);
  REQUIRE(ring.writer.Commit(1, 5, 1000));
  ring.writer.Publish();
  const std::vector<test::Received> received = test::ReadAll(&ring.reader);
  REQUIRE(received.size() == 1);
  CHECK(received[0].payload == Payload(1000, std::byte{7}));
}

TEST_CASE("grows when a claim finds no room") {
  test::RingPair ring(kLargeBytes);
  std::byte* bytes = nullptr;
  for (int round = 0; round < 4; round++) {
    for (;;) {
      REQUIRE(ring.writer.Claim(1000, &bytes).ok());
      if (bytes == nullptr || ring.writer.inline_bytes_max() > kInlineMax) break;
      REQUIRE(ring.writer.Commit(1, 0, 1000));
    }
    if (bytes == nullptr) CHECK(ring.writer.has_unpublished());
    ring.writer.Abort();
    ring.writer.Publish();
    test::ReadAll(&ring.reader);
  }
  CHECK(ring.writer.inline_bytes_max() == InlineBytesMax(kLargeBytes));
}

TEST_CASE("uses no wake-up of the reader when a claim fails after one that has moved") {
  test::EndpointPair pair(kLargeBytes);
  bool needs_wake = false;
  int64_t offset = 0;
  while (test::WriteOne(&pair.first, Payload(1008)).wrote) {
  }
  test::Collector collector(&pair.second);
  const auto read_all = [&] {
    while (collector.Collect([](uint32_t, const std::byte*, uint64_t) {}, &needs_wake)) {
    }
  };
  read_all();
  for (;;) {
    REQUIRE(pair.first.Claim(kInlineMax, &offset, &needs_wake).ok());
    if (pair.first.InlineBytesMax() > kInlineMax) break;
    if (offset < 0) {
      read_all();
    } else {
      REQUIRE(pair.first.Commit(1, 0, kInlineMax, &needs_wake).ok());
    }
  }
  REQUIRE(offset >= 0);
  // MOVE is written, and not published.
  REQUIRE(pair.first.Abort().ok());
  read_all();
  bool has_data = true;
  REQUIRE(pair.second.ArmForData(&has_data).ok());
  REQUIRE_FALSE(has_data);
  const uint64_t too_long = pair.first.InlineBytesMax() + 1;
  CHECK(pair.first.Claim(too_long, &offset, &needs_wake).code() == StatusCode::kMessageTooLarge);
  CHECK_FALSE(needs_wake);
  CHECK(test::WriteOne(&pair.first, Payload(1)).needs_wake);
}

TEST_CASE("delivers every message while a ring grows at any position") {
  const uint64_t seed = test::PrintedSeed();
  for (uint64_t run = 0; run < 40; run++) {
    RandomTraffic(seed + run, kRingBytesMin << (1 + run % 4)).Run(600);
  }
}

TEST_CASE("reads records in place on both sides of MOVE") {
  test::RingPair ring(kLargeBytes);
  Fill(&ring, 1008);
  test::ReadAll(&ring.reader);
  const uint64_t count = Fill(&ring, 1008);
  REQUIRE(ring.reader.Poll().ok());
  std::vector<MessageDescriptor> descriptors(count);
  uint64_t read = 0;
  bool more = true;
  while (more) {
    Batch batch = {.target = nullptr,
                   .target_bytes = 0,
                   .offset = 0,
                   .descriptors = descriptors.data(),
                   .descriptors_max = static_cast<uint32_t>(count)};
    REQUIRE(ring.reader.Receive(&batch, &more).ok());
    for (uint32_t index = 0; index < batch.count; index++) {
      CHECK(descriptors[index].offset + descriptors[index].length <= kLargeBytes);
    }
    read += batch.count;
    ring.reader.Release();
  }
  CHECK(read == count);
  CHECK_FALSE(ring.reader.has_data());
}

TEST_CASE("PositionAfterMove has the same place in both rings from 64 KiB before it on") {
  for (uint64_t ring_bytes = 2 * kSmallRingBytes; ring_bytes <= kRingBytesMax; ring_bytes *= 2) {
    for (const uint64_t from : {uint64_t{0}, kSmallRingBytes - 32, kSmallRingBytes - 16,
                                kSmallRingBytes, 5 * ring_bytes + 4000}) {
      const uint64_t next = PositionAfterMove(from, ring_bytes);
      CHECK(next >= from + kRecordHeaderBytes);
      CHECK(next - from < ring_bytes + kRecordHeaderBytes);
      CHECK((next & (ring_bytes - 1)) == (kSmallRingBytes & (ring_bytes - 1)));
    }
  }
}

TEST_CASE("a ring that has grown carries messages of its full record length") {
  test::RingPair ring(kLargeBytes);
  GrowFully(&ring);
  const Payload payload = test::MakePayload(3, InlineBytesMax(kLargeBytes));
  for (int round = 0; round < 40; round++) {
    REQUIRE(test::WriteAll(&ring.writer, 2, 9, payload));
    const std::vector<test::Received> received = test::ReadAll(&ring.reader);
    REQUIRE(received.size() == 1);
    CHECK(received[0].payload == payload);
  }
}

}  // namespace shmwire

TEST_SUITE_END();
