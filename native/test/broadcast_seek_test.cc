#include "core/broadcast_reader.h"
#include "test/broadcast_support.h"

TEST_SUITE_BEGIN("broadcast_seek_test");

namespace shmwire {
namespace {

using test::BroadcastPair;
using test::BroadcastReceived;
using test::kInlineMax;
using test::kRingBytes;
using test::ReceiveAll;
using test::TestMessage;

}  // namespace

TEST_CASE("starts with the first message where nothing is published") {
  for (const SeekStart start : {SeekStart::kNext, SeekStart::kLast, SeekStart::kOldest}) {
    BroadcastPair pair;
    REQUIRE(pair.reader.Seek(start).ok());
    CHECK(pair.reader.next_sequence() == 1);
    pair.Write(1);
    CHECK(ReceiveAll(&pair.reader).size() == 1);
  }
}

TEST_CASE("starts after the last message") {
  BroadcastPair pair;
  for (int count = 0; count < 300; count++) {
    REQUIRE(pair.reader.Seek(SeekStart::kNext).ok());
    CHECK(pair.reader.next_sequence() == pair.writer.sequence() + 1);
    CHECK(ReceiveAll(&pair.reader).empty());
    pair.Write(static_cast<uint64_t>(count) * 37 % 3000);
    const std::vector<BroadcastReceived> received = ReceiveAll(&pair.reader);
    REQUIRE(received.size() == 1);
    CHECK(received[0].lost == 0);
  }
}

TEST_CASE("starts with the last message") {
  BroadcastPair pair;
  for (uint64_t count = 1; count < 300; count++) {
    const uint64_t bytes = count * 37 % 3000;
    pair.Write(bytes);
    REQUIRE(pair.reader.Seek(SeekStart::kLast).ok());
    CHECK(pair.reader.next_sequence() == count);
    const std::vector<BroadcastReceived> received = ReceiveAll(&pair.reader);
    REQUIRE(received.size() == 1);
    CHECK(received[0].payload == TestMessage(count, bytes).body);
  }
}

TEST_CASE("finds the last message of a writer that died between its last stores") {
  BroadcastPair pair;
  for (uint64_t count = 1; count < 100; count++) {
    const uint64_t latest = pair.control()->latest.LoadRelaxed();
    pair.Write(count * 37 % 3000);
    const uint64_t newest = pair.control()->latest.LoadRelaxed();
    pair.control()->latest.StoreRelaxed(latest);
    for (const SeekStart start : {SeekStart::kNext, SeekStart::kLast}) {
      REQUIRE(pair.reader.Seek(start).ok());
      CHECK(pair.reader.next_sequence() == (start == SeekStart::kLast ? count : count + 1));
    }
    pair.control()->latest.StoreRelaxed(newest);
  }
}

TEST_CASE("starts with the first message while the ring was not full") {
  BroadcastPair pair;
  for (int count = 0; count < 20; count++) pair.Write(1000);
  REQUIRE(pair.reader.Seek(SeekStart::kOldest).ok());
  CHECK(pair.reader.next_sequence() == 1);
  CHECK(ReceiveAll(&pair.reader).size() == 20);
}

TEST_CASE("starts with about the oldest message in a full ring, without a loss") {
  BroadcastPair pair;
  for (uint64_t count = 1; count < 500; count++) {
    pair.Write(1008);
    REQUIRE(pair.reader.Seek(SeekStart::kOldest).ok());
    const std::vector<BroadcastReceived> received = ReceiveAll(&pair.reader);
    // All but the rest of a block.
    REQUIRE(received.size() >= std::min<uint64_t>(count, 60));
    CHECK(received[0].lost == 0);
    CHECK(received.back().sequence == count);
  }
}

TEST_CASE("starts with each message that the ring still has") {
  BroadcastPair pair;
  for (int count = 0; count < 400; count++) {
    pair.Write(static_cast<uint64_t>(count) * 37 % 1500);
  }
  REQUIRE(pair.reader.Seek(SeekStart::kOldest).ok());
  const uint64_t oldest = pair.reader.next_sequence();
  CHECK(oldest > 1);
  for (uint64_t sequence = oldest; sequence <= 401; sequence++) {
    REQUIRE(pair.reader.Seek(SeekStart::kSequence, sequence).ok());
    CHECK(pair.reader.next_sequence() == sequence);
    const std::vector<BroadcastReceived> received = ReceiveAll(&pair.reader);
    REQUIRE(received.size() == 401 - sequence);
    if (!received.empty()) CHECK(received[0].lost == 0);
  }
}

TEST_CASE("counts the messages from a lost sequence on as lost") {
  BroadcastPair pair;
  for (int count = 0; count < 400; count++) pair.Write(1000);
  for (const uint64_t sequence : {1, 2, 100, 300}) {
    REQUIRE(pair.reader.Seek(SeekStart::kSequence, sequence).ok());
    CHECK(pair.reader.next_sequence() == sequence);
    const std::vector<BroadcastReceived> received = ReceiveAll(&pair.reader);
    REQUIRE_FALSE(received.empty());
    CHECK(received[0].lost > 0);
    CHECK(received[0].lost + received.size() == 401 - sequence);
  }
}

TEST_CASE("rejects a sequence beyond the next message, and keeps its position") {
  BroadcastPair pair;
  CHECK(pair.reader.Seek(SeekStart::kSequence, 0).code() == StatusCode::kInvalidArgument);
  CHECK(pair.reader.Seek(SeekStart::kSequence, 2).code() == StatusCode::kInvalidArgument);
  REQUIRE(pair.reader.Seek(SeekStart::kSequence, 1).ok());
  pair.Write(1);
  pair.Write(1);
  CHECK(pair.reader.Seek(SeekStart::kSequence, 4).code() == StatusCode::kInvalidArgument);
  CHECK(pair.reader.next_sequence() == 1);
  CHECK(ReceiveAll(&pair.reader).size() == 2);
  REQUIRE(pair.reader.Seek(SeekStart::kSequence, 3).ok());
}

TEST_CASE("fails when the writer overtakes each try") {
  BroadcastPair pair;
  for (int count = 0; count < 200; count++) pair.Write(1000);
  pair.control()->intent.StoreRelaxed(pair.writer.tail() + 2 * kRingBytes);
  for (const SeekStart start : {SeekStart::kNext, SeekStart::kLast, SeekStart::kOldest}) {
    CHECK(pair.reader.Seek(start).code() == StatusCode::kUnavailable);
  }
  CHECK(pair.reader.Seek(SeekStart::kSequence, 3).code() == StatusCode::kUnavailable);
}

TEST_CASE("finds the records that the largest ones and pads leave") {
  BroadcastPair pair;
  for (uint64_t count = 1; count < 200; count++) {
    pair.Write(count % 3 == 0 ? kInlineMax / 2 : kInlineMax);
    for (const SeekStart start : {SeekStart::kOldest, SeekStart::kLast}) {
      REQUIRE(pair.reader.Seek(start).ok());
      const std::vector<BroadcastReceived> received = ReceiveAll(&pair.reader);
      REQUIRE_FALSE(received.empty());
      CHECK(received.back().sequence == count);
    }
  }
}

}  // namespace shmwire

TEST_SUITE_END();
