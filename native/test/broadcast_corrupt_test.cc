// A reader of a topic whose writer breaks the rules.

#include <functional>
#include <string>

#include "test/broadcast_support.h"

TEST_SUITE_BEGIN("broadcast_corrupt_test");

namespace shmwire {
namespace {

using test::BatchMemory;
using test::BroadcastPair;
using test::kInlineMax;
using test::kRingBytes;

constexpr BroadcastRecordHeader kHonest = {
    .length = 16, .key_bytes = 2, .headers_bytes = 3, .sequence = 1};

BroadcastRecordHeader With(const std::function<void(BroadcastRecordHeader*)>& change) {
  BroadcastRecordHeader header = kHonest;
  change(&header);
  return header;
}

// A writer that stores anything.
class ForgedTopic {
 public:
  ForgedTopic() { REQUIRE(pair_.reader.Seek(SeekStart::kNext).ok()); }

  void Header(uint64_t position, const BroadcastRecordHeader& header) {
    StoreBroadcastHeader(pair_.segment.data() + position % kRingBytes, header);
  }
  void Tail(uint64_t position) {
    pair_.control()->intent.StoreRelaxed(position);
    pair_.control()->tail.StoreRelaxed(position);
  }
  // Publishes and receives honest messages up to `position`.
  void Advance(uint64_t position) {
    while (pair_.writer.tail() < position) {
      const uint64_t left = position - pair_.writer.tail() - kRecordHeaderBytes;
      pair_.Write(std::min(left, kInlineMax));
      REQUIRE(test::ReceiveAll(&pair_.reader).size() == 1);
    }
  }
  [[nodiscard]] BroadcastPair& pair() { return pair_; }

  // As BroadcastSubscriber does.
  Status Receive(uint32_t* count = nullptr) {
    if (Status status = pair_.reader.Poll(); !status.ok()) return status;
    BroadcastBatch batch = memory_.batch();
    Status status = pair_.reader.Receive(&batch);
    if (count != nullptr) *count = batch.count;
    return status;
  }

 private:
  BroadcastPair pair_;
  BatchMemory memory_;
};

void CheckCorrupt(Status status, const char* context) {
  CHECK(status.code() == StatusCode::kCorrupt);
  CHECK(std::string(status.context()) == context);
}

// One record at position 0 with the tail after it.
void CheckRecord(const BroadcastRecordHeader& header, uint64_t tail, const char* context) {
  ForgedTopic topic;
  topic.Header(0, header);
  topic.Tail(tail);
  CheckCorrupt(topic.Receive(), context);
}

}  // namespace

TEST_CASE("accepts the honest record that the others vary") {
  ForgedTopic topic;
  topic.Header(0, kHonest);
  topic.Tail(32);
  uint32_t count = 0;
  CHECK(topic.Receive(&count).ok());
  CHECK(count == 1);
}

TEST_CASE("rejects a tail that is not aligned or moves back") {
  ForgedTopic topic;
  topic.Tail(8);
  CheckCorrupt(topic.Receive(), "the writer's tail is not aligned");
  ForgedTopic other;
  other.Advance(1024);
  other.Tail(512);
  CheckCorrupt(other.Receive(), "the writer's tail moved back");
}

TEST_CASE("rejects an intent before the tail") {
  ForgedTopic topic;
  topic.Header(0, kHonest);
  topic.Tail(32);
  topic.pair().control()->intent.StoreRelaxed(16);
  uint32_t count = 1;
  CheckCorrupt(topic.Receive(&count), "the writer's intent is before its tail");
  CHECK(count == 0);
}

TEST_CASE("rejects records with a wrong length") {
  const auto longer = [](auto* header) { header->length = kInlineMax + 1; };
  CheckRecord(With(longer), 2 * kInlineMax, "a record is longer than an eighth of the ring");
  CheckRecord(With([](auto* header) { header->length = 17; }), 32,
              "a record is longer than the published bytes");
  ForgedTopic topic;
  topic.Advance(kRingBytes - 16);
  const uint64_t next = topic.pair().writer.sequence() + 1;
  topic.Header(kRingBytes - 16, With([&](auto* header) { header->sequence = next; }));
  topic.Tail(kRingBytes + 16);
  CheckCorrupt(topic.Receive(), "a record passes the ring's end");
}

TEST_CASE("rejects a key and headers that are longer than their record") {
  CheckRecord(With([](auto* header) { header->key_bytes = 14; }), 32,
              "a key and headers are longer than their record");
  CheckRecord(With([](auto* header) { header->key_bytes = header->headers_bytes = 0xFFFF; }), 32,
              "a key and headers are longer than their record");
}

TEST_CASE("rejects sequences that are impossible or out of order") {
  for (const uint64_t sequence : {uint64_t{0}, uint64_t{2}, kBroadcastSequenceMax, UINT64_MAX}) {
    CheckRecord(With([&](auto* header) { header->sequence = sequence; }), 32,
                "a record has an impossible sequence");
  }
  ForgedTopic topic;
  topic.Advance(4096);
  for (const uint64_t sequence : {1, 3}) {
    topic.Header(4096, With([&](auto* header) { header->sequence = sequence; }));
    topic.Tail(4128);
    CheckCorrupt(topic.Receive(), "a record is out of sequence");
  }
}

TEST_CASE("rejects pads that break the rules") {
  const auto check = [](const BroadcastRecordHeader& pad, uint64_t position, uint64_t tail,
                        const char* context) {
    ForgedTopic topic;
    topic.Advance(position);
    topic.Header(position, pad);
    topic.Tail(tail);
    CheckCorrupt(topic.Receive(), context);
  };
  const uint64_t end = kRingBytes;
  const BroadcastRecordHeader pad = {
      .length = kPadBit | 48, .key_bytes = 0, .headers_bytes = 0, .sequence = 0};
  const auto with = [&](auto change) {
    BroadcastRecordHeader changed = pad;
    change(&changed);
    return changed;
  };
  const char* has_parts = "a pad has a key, headers or a sequence";
  check(with([](auto* header) { header->key_bytes = 1; }), end - 64, end, has_parts);
  check(with([](auto* header) { header->headers_bytes = 1; }), end - 64, end, has_parts);
  check(with([](auto* header) { header->sequence = 1; }), end - 64, end, has_parts);
  check(with([](auto* header) { header->length += 16; }), end - 64, end,
        "a pad does not end with the ring");
  check(pad, end - 64, end - 16, "a pad is longer than the published bytes");
  const auto longest = static_cast<uint32_t>(kInlineMax);
  check(with([&](auto* header) { header->length = kPadBit | longest; }), end - longest - 16, end,
        "a pad is as long as a record");
}

TEST_CASE("delivers the messages before a violation, then reports it again and again") {
  ForgedTopic topic;
  topic.Header(0, kHonest);
  topic.Header(32, With([](auto* header) { header->sequence = 3; }));
  topic.Tail(64);
  uint32_t count = 0;
  CHECK(topic.Receive(&count).ok());
  CHECK(count == 1);
  for (int call = 0; call < 3; call++) {
    CHECK(topic.Receive(&count).code() == StatusCode::kCorrupt);
    CHECK(count == 0);
  }
}

TEST_CASE("ignores marks that do not lead to a record in the ring") {
  for (const uint64_t mark : {uint64_t{0}, uint64_t{8}, UINT64_MAX, UINT64_MAX - 15}) {
    BroadcastPair pair;
    REQUIRE(pair.reader.Seek(SeekStart::kNext).ok());
    for (int count = 0; count < 200; count++) pair.Write(1000);
    for (SharedWord<uint64_t>& one : pair.control()->marks) one.StoreRelaxed(mark);
    const std::vector<test::BroadcastReceived> received = test::ReceiveAll(&pair.reader);
    REQUIRE(received.size() == 1);
    CHECK(received[0].lost == 199);
  }
}

TEST_CASE("rejects a latest that does not lead to the last record") {
  const auto check = [](uint64_t latest, const char* context) {
    BroadcastPair pair;
    for (int count = 0; count < 3; count++) pair.Write(16);
    pair.control()->latest.StoreRelaxed(latest);
    CheckCorrupt(pair.reader.Seek(SeekStart::kNext), context);
    CheckCorrupt(pair.reader.Seek(SeekStart::kLast), context);
    CheckCorrupt(pair.reader.Seek(SeekStart::kSequence, 1), context);
  };
  check(8, "the writer's latest is not aligned");
  check(96, "the writer's latest is not published");
  check(UINT64_MAX - 15, "the writer's latest is not published");
  // In a payload.
  BroadcastPair pair;
  pair.Write(100);
  pair.control()->latest.StoreRelaxed(32);
  CHECK(pair.reader.Seek(SeekStart::kNext).code() == StatusCode::kCorrupt);
}

TEST_CASE("rejects records before the tail that are out of sequence, or a pad at the tail") {
  ForgedTopic topic;
  topic.Header(0, kHonest);
  topic.Header(32, With([](auto* header) { header->sequence = 3; }));
  topic.Tail(64);
  CheckCorrupt(topic.pair().reader.Seek(SeekStart::kLast), "a record is out of sequence");
  ForgedTopic other;
  other.Advance(kRingBytes - 64);
  other.Header(kRingBytes - 64,
               {.length = kPadBit | 48, .key_bytes = 0, .headers_bytes = 0, .sequence = 0});
  other.Tail(kRingBytes);
  CheckCorrupt(other.pair().reader.Seek(SeekStart::kLast), "the published records end with a pad");
}

TEST_CASE("rejects published bytes that end with a pad") {
  ForgedTopic topic;
  topic.Advance(kRingBytes - 64);
  topic.Header(kRingBytes - 64,
               {.length = kPadBit | 48, .key_bytes = 0, .headers_bytes = 0, .sequence = 0});
  topic.Tail(kRingBytes);
  CheckCorrupt(topic.Receive(), "the published records end with a pad");
}

TEST_CASE("bounds the records that a seek loads from a writer that leads it far back") {
  BroadcastPair pair(uint64_t{1} << 24);
  for (int count = 0; count < 500'000; count++) pair.Write(0);
  // Without a mark, a walk begins at the first record.
  for (SharedWord<uint64_t>& mark : pair.control()->marks) mark.StoreRelaxed(0);
  CHECK(pair.reader.Seek(SeekStart::kSequence, 400'000).code() == StatusCode::kUnavailable);
  pair.control()->latest.StoreRelaxed(0);
  CHECK(pair.reader.Seek(SeekStart::kLast).code() == StatusCode::kUnavailable);
  CHECK(pair.reader.Seek(SeekStart::kNext).code() == StatusCode::kUnavailable);
}

TEST_CASE("ends every call for a tail that is far away") {
  for (const uint64_t tail : {uint64_t{1} << 32, uint64_t{1} << 62, UINT64_MAX - 15}) {
    ForgedTopic topic;
    topic.Advance(4096);
    topic.Tail(tail);
    uint32_t count = 1;
    const Status status = topic.Receive(&count);
    CHECK(count == 0);
    CHECK((status.ok() || status.code() == StatusCode::kCorrupt));
    for (const SeekStart start : {SeekStart::kNext, SeekStart::kOldest, SeekStart::kSequence}) {
      CHECK_FALSE(topic.pair().reader.Seek(start, 1).ok());
    }
  }
}

TEST_CASE("rejects a lapped reader's resume at an older record") {
  ForgedTopic topic;
  topic.Advance(kRingBytes / 2);
  // The intent claims a lap, and the marks are those of the ring that was read.
  topic.pair().control()->intent.StoreRelaxed(8 * kRingBytes);
  topic.pair().Write(16);
  topic.pair().control()->intent.StoreRelaxed(8 * kRingBytes);
  CheckCorrupt(topic.Receive(), "a lapped reader found an older record");
}

}  // namespace shmwire

TEST_SUITE_END();
