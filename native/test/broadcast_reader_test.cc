#include "core/broadcast_reader.h"

#include "test/broadcast_support.h"

TEST_SUITE_BEGIN("broadcast_reader_test");

namespace shmwire {
namespace {

using test::BatchMemory;
using test::BroadcastPair;
using test::BroadcastReceived;
using test::kInlineMax;
using test::kRingBytes;
using test::ReceiveAll;
using test::TestMessage;

void Start(BroadcastPair* pair, SeekStart start = SeekStart::kNext, uint64_t sequence = 0) {
  REQUIRE(pair->reader.Seek(start, sequence).ok());
}

}  // namespace

TEST_CASE("receives messages of every length whole and in order") {
  BroadcastPair pair;
  Start(&pair);
  for (uint64_t length = 0; length <= kInlineMax; length += length < 70 ? 1 : 1009) {
    const TestMessage message(length, length, length % 5, length % 3);
    if (message.bytes().size() > kInlineMax) break;
    pair.writer.Write(message.parts());
    const std::vector<BroadcastReceived> received = ReceiveAll(&pair.reader);
    REQUIRE(received.size() == 1);
    CHECK(received[0].sequence == pair.writer.sequence());
    CHECK(received[0].lost == 0);
    CHECK(received[0].key_bytes == length % 5);
    CHECK(received[0].headers_bytes == length % 3);
    CHECK(received[0].payload == message.bytes());
  }
}

TEST_CASE("receives a message of the largest size") {
  BroadcastPair pair;
  Start(&pair);
  for (int count = 0; count < 20; count++) {
    pair.Write(kInlineMax);
    const std::vector<BroadcastReceived> received = ReceiveAll(&pair.reader);
    REQUIRE(received.size() == 1);
    CHECK(received[0].payload == TestMessage(pair.writer.sequence(), kInlineMax).body);
  }
}

TEST_CASE("aligns messages in the target, and does not write after its end") {
  BroadcastPair pair;
  Start(&pair);
  for (int count = 0; count < 3; count++) pair.Write(5);
  BatchMemory memory(5 + 3 + 5 + 3 + 4);
  BroadcastBatch batch = memory.batch();
  REQUIRE(pair.reader.Poll().ok());
  REQUIRE(pair.reader.Receive(&batch).ok());
  CHECK(batch.count == 2);
  CHECK(batch.required_bytes == 5);
  CHECK(memory.descriptors[1].offset == 8);
  batch = memory.batch();
  REQUIRE(pair.reader.Receive(&batch).ok());
  CHECK(batch.count == 1);
  CHECK(batch.first_sequence == 3);
  CHECK(batch.required_bytes == -1);
}

TEST_CASE("states offsets that do not decrease for empty messages") {
  BroadcastPair pair;
  Start(&pair);
  for (const uint64_t bytes : {13, 0, 5, 0}) pair.Write(bytes);
  BatchMemory memory(16 + 5);
  BroadcastBatch batch = memory.batch();
  REQUIRE(pair.reader.Poll().ok());
  REQUIRE(pair.reader.Receive(&batch).ok());
  REQUIRE(batch.count == 4);
  CHECK(memory.descriptors[1].offset == 16);
  CHECK(memory.descriptors[2].offset == 16);
  // The end of the target, where the alignment would lead past it.
  CHECK(memory.descriptors[3].offset == 21);
}

TEST_CASE("reaches an end after it was stopped, although the writer continues") {
  BroadcastPair pair;
  Start(&pair);
  for (int count = 0; count < 3; count++) pair.Write(1000);
  REQUIRE(pair.reader.Stop().ok());
  for (int count = 0; count < 3; count++) pair.Write(1000);
  CHECK(ReceiveAll(&pair.reader).size() == 3);
  CHECK_FALSE(pair.reader.has_data());
  pair.Write(1000);
  CHECK(ReceiveAll(&pair.reader).empty());
}

TEST_CASE("delivers what the ring still has to a lapped reader that is stopped") {
  BroadcastPair pair;
  Start(&pair);
  for (int count = 0; count < 200; count++) pair.Write(1000);
  REQUIRE(pair.reader.Stop().ok());
  const std::vector<BroadcastReceived> received = ReceiveAll(&pair.reader);
  REQUIRE_FALSE(received.empty());
  CHECK(received[0].lost + received.size() == 200);
}

TEST_CASE("reaches an end after the writer has overwritten all that a stopped reader had left") {
  BroadcastPair pair;
  Start(&pair);
  for (int count = 0; count < 60; count++) pair.Write(1000);
  REQUIRE(pair.reader.Stop().ok());
  for (int count = 0; count < 300; count++) {
    pair.Write(1000);
    if (count % 100 == 99) CHECK(ReceiveAll(&pair.reader).empty());
  }
  CHECK_FALSE(pair.reader.has_data());
}

TEST_CASE("receives an empty message into an empty target") {
  BroadcastPair pair;
  Start(&pair);
  pair.Write(0);
  pair.Write(1);
  BatchMemory memory(0);
  BroadcastBatch batch = memory.batch();
  REQUIRE(pair.reader.Poll().ok());
  REQUIRE(pair.reader.Receive(&batch).ok());
  CHECK(batch.count == 1);
  CHECK(batch.required_bytes == 1);
}

TEST_CASE("ends a batch after an eighth of the ring, and after the last descriptor") {
  BroadcastPair pair;
  Start(&pair);
  for (int count = 0; count < 60; count++) pair.Write(1000);
  BatchMemory memory;
  BroadcastBatch batch = memory.batch();
  REQUIRE(pair.reader.Poll().ok());
  REQUIRE(pair.reader.Receive(&batch).ok());
  CHECK(batch.count == 8);  // of 1,024 bytes each
  BatchMemory small(kRingBytes, 2);
  batch = small.batch();
  REQUIRE(pair.reader.Receive(&batch).ok());
  CHECK(batch.count == 2);
  CHECK(batch.first_sequence == 9);
}

TEST_CASE("does not see a message after the last poll") {
  BroadcastPair pair;
  Start(&pair);
  pair.Write(1);
  REQUIRE(pair.reader.Poll().ok());
  pair.Write(2);
  BatchMemory memory;
  BroadcastBatch batch = memory.batch();
  REQUIRE(pair.reader.Receive(&batch).ok());
  CHECK(batch.count == 1);
  CHECK_FALSE(pair.reader.has_data());
}

TEST_CASE("delivers all messages to a reader that is exactly one ring behind") {
  BroadcastPair pair;
  Start(&pair);
  for (uint64_t count = 0; count < kRecordsPerRingMin; count++) pair.Write(kInlineMax);
  CHECK(ReceiveAll(&pair.reader).size() == kRecordsPerRingMin);
}

TEST_CASE("counts a loss exactly, and resumes half a ring behind the tail") {
  constexpr uint64_t kSpan = 1024;
  constexpr uint64_t kPerRing = kRingBytes / kSpan;
  for (uint64_t laps = 1; laps < 4; laps++) {
    BroadcastPair pair;
    Start(&pair);
    const uint64_t published = laps * kPerRing + 1;
    for (uint64_t count = 0; count < published; count++) pair.Write(kSpan - kRecordHeaderBytes);
    const std::vector<BroadcastReceived> received = ReceiveAll(&pair.reader);
    REQUIRE_FALSE(received.empty());
    CHECK(received[0].lost + received.size() == published);
    CHECK(received[0].sequence == received[0].lost + 1);
    CHECK(received.size() <= kPerRing / 2);
    // A block has two records.
    CHECK(received.size() >= kPerRing / 2 - 2);
    for (const BroadcastReceived& one : received) {
      REQUIRE(one.payload == TestMessage(one.sequence, kSpan - kRecordHeaderBytes).body);
    }
  }
}

TEST_CASE("counts each message as received or lost for any pace of reader and writer") {
  const uint64_t seed = test::PrintedSeed();
  test::Random random(seed);
  BroadcastPair pair;
  Start(&pair);
  uint64_t received = 0;
  uint64_t lost = 0;
  std::vector<uint64_t> sizes;
  for (int round = 0; round < 3000; round++) {
    for (uint64_t count = random.Below(random.Below(20) == 0 ? 400 : 8); count > 0; count--) {
      const uint64_t bytes = random.Below(random.Below(8) == 0 ? kInlineMax + 1 : 300);
      sizes.push_back(bytes);
      pair.Write(bytes);
    }
    BatchMemory memory(kRingBytes, static_cast<uint32_t>(1 + random.Below(20)));
    BroadcastBatch batch = memory.batch();
    REQUIRE(pair.reader.Poll().ok());
    REQUIRE(pair.reader.Receive(&batch).ok());
    REQUIRE_FALSE(batch.behind);
    for (const BroadcastReceived& one : memory.Messages(batch)) {
      lost += one.lost;
      received++;
      REQUIRE(one.sequence == received + lost);
      REQUIRE(one.payload == TestMessage(one.sequence, sizes[one.sequence - 1]).body);
    }
  }
  for (const BroadcastReceived& one : ReceiveAll(&pair.reader)) {
    lost += one.lost;
    received++;
  }
  CHECK(lost > 0);
  CHECK(received + lost == sizes.size());
}

TEST_CASE("loses a record that the writer is about to overwrite, published or not") {
  BroadcastPair pair;
  Start(&pair);
  for (uint64_t count = 0; count < kRecordsPerRingMin; count++) pair.Write(kInlineMax);
  // A writer that dies after its intent.
  const uint64_t tail = pair.writer.tail();
  pair.control()->intent.StoreRelaxed(tail + kRecordAlignment);
  const std::vector<BroadcastReceived> received = ReceiveAll(&pair.reader);
  CHECK(received.size() == kRecordsPerRingMin / 2);
  CHECK(received[0].lost == kRecordsPerRingMin / 2);
}

TEST_CASE("reports a reader that stays behind, and loses no count") {
  BroadcastPair pair;
  Start(&pair);
  for (int count = 0; count < 200; count++) pair.Write(1000);
  // The writer announces more than a ring, again and again.
  const uint64_t tail = pair.writer.tail();
  pair.control()->intent.StoreRelaxed(tail + 2 * kRingBytes);
  BatchMemory memory;
  BroadcastBatch batch = memory.batch();
  REQUIRE(pair.reader.Poll().ok());
  REQUIRE(pair.reader.Receive(&batch).ok());
  CHECK(batch.behind);
  CHECK(batch.count == 0);
  CHECK(batch.lost == 0);
  CHECK(pair.reader.has_data());
  pair.control()->intent.StoreRelaxed(tail);
  const std::vector<BroadcastReceived> received = ReceiveAll(&pair.reader);
  CHECK(received[0].lost + received.size() == 200);
}

TEST_CASE("resumes at the latest record without any usable mark") {
  BroadcastPair pair;
  Start(&pair);
  for (int count = 0; count < 200; count++) pair.Write(1000);
  for (SharedWord<uint64_t>& mark : pair.control()->marks) mark.StoreRelaxed(0);
  const std::vector<BroadcastReceived> received = ReceiveAll(&pair.reader);
  CHECK(received.size() == 1);
  CHECK(received[0].lost == 199);
}

}  // namespace shmwire

TEST_SUITE_END();
