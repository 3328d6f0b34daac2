// A topic and a cell with a writer and readers in threads of their own. For ThreadSanitizer, and
// for copies that the writer overtakes.

#include <atomic>

#include "core/broadcast_subscriber.h"
#include "test/broadcast_support.h"
#include "test/cell_support.h"
#include "test/concurrent_support.h"

TEST_SUITE_BEGIN("broadcast_concurrent_test");

namespace shmwire {
namespace {

using test::BatchMemory;
using test::BroadcastPair;
using test::CellPair;
using test::kInlineMax;
using test::kRingBytes;
using test::Payload;
using test::PrintedSeed;
using test::RunBoth;
using test::Verdict;

#if defined(__SANITIZE_THREAD__)
constexpr uint64_t kMessages = 20'000;
#else
constexpr uint64_t kMessages = 200'000;
#endif

// All words of a message or value are this one, so that a torn copy shows.
uint64_t WordOf(uint64_t sequence) { return sequence * 0x9E37'79B9'7F4A'7C15 | 1; }

uint64_t BytesOf(uint64_t sequence, uint64_t bytes_max) {
  const uint64_t word = WordOf(sequence);
  return (word >> 20) % (word % 16 == 1 ? bytes_max : 200);
}

void Fill(uint64_t sequence, uint64_t bytes_max, Payload* payload) {
  payload->resize(BytesOf(sequence, bytes_max));
  const uint64_t word = WordOf(sequence);
  for (uint64_t at = 0; at < payload->size(); at += sizeof(word)) {
    std::memcpy(payload->data() + at, &word, std::min(payload->size() - at, sizeof(word)));
  }
}

bool IsWhole(uint64_t sequence, uint64_t bytes_max, const std::byte* data, uint64_t bytes) {
  if (bytes != BytesOf(sequence, bytes_max)) return false;
  const uint64_t word = WordOf(sequence);
  for (uint64_t at = 0; at < bytes; at += sizeof(word)) {
    if (std::memcmp(data + at, &word, std::min(bytes - at, sizeof(word))) != 0) return false;
  }
  return true;
}

// The counts of a reader.
struct Tally {
  uint64_t received = 0;
  uint64_t lost = 0;

  void Add(const BroadcastBatch& batch, const BatchMemory& memory, uint64_t expected,
           Verdict* verdict) {
    lost += batch.lost;
    received += batch.count;
    if (batch.count == 0) return;
    verdict->Expect(batch.first_sequence == expected + batch.lost, "a batch is out of order");
    for (uint32_t index = 0; index < batch.count; index++) {
      const BroadcastDescriptor& one = memory.descriptors[index];
      verdict->Expect(IsWhole(batch.first_sequence + index, kInlineMax,
                              memory.target.data() + one.offset, one.body_bytes),
                      "a message is not whole");
    }
  }
};

void WriteMessages(BroadcastWriter* writer, uint64_t count) {
  Payload payload;
  while (writer->sequence() < count) {
    Fill(writer->sequence() + 1, kInlineMax, &payload);
    writer->Write({.body = payload.data(), .body_bytes = payload.size()});
  }
}

}  // namespace

TEST_CASE("counts each message as received whole or as lost, at full speed") {
  BroadcastPair pair;
  REQUIRE(pair.reader.Seek(SeekStart::kNext).ok());
  Tally tally;
  RunBoth([&](Verdict*) { WriteMessages(&pair.writer, kMessages); },
          [&](Verdict* verdict) {
            BatchMemory memory;
            while (tally.received + tally.lost < kMessages && verdict->fault == nullptr) {
              verdict->Expect(pair.reader.Poll().ok(), "poll");
              BroadcastBatch batch = memory.batch();
              const uint64_t expected = pair.reader.next_sequence();
              verdict->Expect(pair.reader.Receive(&batch).ok(), "receive");
              tally.Add(batch, memory, expected, verdict);
              if (batch.count == 0) platform::YieldCpu();
            }
          });
  MESSAGE(tally.received, " received, ", tally.lost, " lost");
  CHECK(tally.received + tally.lost == kMessages);
}

TEST_CASE("finds positions while the writer writes") {
  const uint64_t seed = PrintedSeed();
  BroadcastPair pair;
  std::atomic<bool> ended = false;
  RunBoth(
      [&](Verdict*) {
        WriteMessages(&pair.writer, kMessages);
        ended = true;
      },
      [&](Verdict* verdict) {
        test::Random random(seed);
        BatchMemory memory;
        while (!ended && verdict->fault == nullptr) {
          const auto start = static_cast<SeekStart>(random.Below(4));
          const uint64_t wanted = 1 + random.Below(pair.reader.next_sequence());
          Status status = pair.reader.Seek(start, wanted);
          if (status.code() == StatusCode::kUnavailable) continue;
          verdict->Expect(status.ok(), status.context());
          const uint64_t next = pair.reader.next_sequence();
          verdict->Expect(start != SeekStart::kSequence || next == wanted, "another sequence");
          for (int batches = 0; batches < 3; batches++) {
            verdict->Expect(pair.reader.Poll().ok(), "poll");
            BroadcastBatch batch = memory.batch();
            const uint64_t expected = pair.reader.next_sequence();
            verdict->Expect(pair.reader.Receive(&batch).ok(), "receive");
            Tally().Add(batch, memory, expected, verdict);
          }
        }
      });
}

TEST_CASE("loses nothing with a blocking reader") {
  BroadcastPublisher publisher;
  BroadcastSubscriber subscriber(true);
  uint32_t reader = 0;
  uint64_t next = 0;
  REQUIRE(publisher.Create(kRingBytes).ok());
  REQUIRE(subscriber.AttachOwn(&publisher, &reader).ok());
  REQUIRE(subscriber.Seek(SeekStart::kNext, 0, &next).ok());
  Tally tally;
  RunBoth(
      [&](Verdict* verdict) {
        Payload payload;
        for (uint64_t sequence = 0; sequence < kMessages && verdict->fault == nullptr;) {
          Fill(sequence + 1, kInlineMax, &payload);
          uint64_t published = 0;
          WakeCounts counts;
          const BroadcastMessage message = {.body = payload.data(), .body_bytes = payload.size()};
          verdict->Expect(publisher.Publish(message, &published, &counts).ok(), "publish");
          if (published != 0) {
            sequence++;
            continue;
          }
          bool has_room = false;
          verdict->Expect(publisher.ArmForRoom(&has_room).ok(), "arm");
          if (!has_room) platform::YieldCpu();
        }
      },
      [&](Verdict* verdict) {
        BatchMemory memory;
        while (tally.received < kMessages && verdict->fault == nullptr) {
          BroadcastBatch batch = memory.batch();
          BroadcastSubscriber::Received received;
          const uint64_t expected = tally.received + 1;
          verdict->Expect(subscriber.Receive(&batch, {.yield_cpu = true}, &received).ok(), "read");
          tally.Add(batch, memory, expected, verdict);
          verdict->Expect(tally.lost == 0, "a blocking reader lost a message");
        }
      });
  CHECK(tally.received == kMessages);
}

TEST_CASE("returns whole values of a cell in order, and the last one") {
  constexpr uint64_t kBytesMax = 2040;
  CellPair pair(kBytesMax);
  RunBoth(
      [&](Verdict*) {
        Payload payload;
        for (uint64_t version = 1; version <= kMessages; version++) {
          Fill(version, kBytesMax, &payload);
          pair.Set(payload);
        }
      },
      [&](Verdict* verdict) {
        uint64_t last = 0;
        while (last < kMessages && verdict->fault == nullptr) {
          CellValue value;
          verdict->Expect(pair.Get(&value).ok(), "get");
          if (value.behind || value.version == 0) continue;
          verdict->Expect(value.version >= last, "a version moved back");
          verdict->Expect(IsWhole(value.version, kBytesMax, pair.target.data(), value.length),
                          "a value is not whole");
          last = value.version;
        }
      });
}

}  // namespace shmwire

TEST_SUITE_END();
