// The writer of a topic or a cell, or a blocking reader, that dies right after its nth store, for
// every n. All that was published is there and whole, and positions are still found.

#include <functional>
#include <set>

#include "test/attachment_support.h"
#include "test/child.h"
#include "test/crash/crash_point.h"

TEST_SUITE_BEGIN("messaging_crash_process_test");

namespace shmwire {
namespace {

using crash::CrashAfter;
using crash::kCrashedExit;
using test::Child;
using test::HandoverPlace;
using test::kInlineMax;
using test::kRingBytes;
using test::Payload;
using test::TestMessage;

// Runs `act` in a child that dies after `stores` stores. Returns whether it completed.
bool RunVictim(uint64_t stores, const std::function<bool()>& act) {
  Child child([&] {
    CrashAfter(stores);
    return act() ? 0 : 1;
  });
  const int exit_status = child.Join();
  REQUIRE((exit_status == 0 || exit_status == kCrashedExit));
  return exit_status == 0;
}

struct Topic {
  Topic() : reader(false) {
    REQUIRE(publisher.Create(kRingBytes).ok());
    place.Attach(&publisher, &reader);
    test::SeekTo(&reader, SeekStart::kNext);
  }

  bool Publish(const std::vector<uint64_t>& sizes, uint64_t first) {
    for (uint64_t index = first; index < sizes.size(); index++) {
      const TestMessage message(index + 1, sizes[index], index % 4, index % 3);
      uint64_t sequence = 0;
      WakeCounts counts;
      if (!publisher.Publish(message.parts(), &sequence, &counts).ok()) return false;
      if (sequence != index + 1) return false;
    }
    return true;
  }
  // Receives everything; checks that each message is whole. Returns the last sequence.
  uint64_t Drain(BroadcastSubscriber* subscriber, const std::vector<uint64_t>& sizes) {
    uint64_t last = 0;
    for (;;) {
      test::BatchMemory memory;
      BroadcastBatch batch = memory.batch();
      BroadcastSubscriber::Received received;
      REQUIRE(subscriber->Receive(&batch, {}, &received).ok());
      if (batch.count == 0) return last;
      for (const test::BroadcastReceived& one : memory.Messages(batch)) {
        const uint64_t index = one.sequence - 1;
        REQUIRE(one.payload ==
                TestMessage(one.sequence, sizes[index], index % 4, index % 3).bytes());
        last = one.sequence;
      }
    }
  }

  HandoverPlace place;
  BroadcastPublisher publisher;
  BroadcastSubscriber reader;
};

// How many of the messages end at or before `tail`, computed without the code under test.
uint64_t CountUpTo(uint64_t tail, const std::vector<uint64_t>& sizes) {
  uint64_t end = 0;
  for (uint64_t index = 0; index < sizes.size(); index++) {
    const uint64_t span = RecordSpan(sizes[index] + index % 4 + index % 3);
    const uint64_t left = kRingBytes - end % kRingBytes;
    end += (span > left ? left : 0) + span;
    if (end > tail) return index;
  }
  return sizes.size();
}

// The victim publishes the messages from `before` on. Returns how many stores it has.
uint64_t CheckDeaths(const std::vector<uint64_t>& sizes, uint64_t before) {
  const std::vector<uint64_t> first(sizes.begin(), sizes.begin() + static_cast<ptrdiff_t>(before));
  std::set<uint64_t> counts;
  for (uint64_t stores = 1;; stores++) {
    CAPTURE(stores);
    Topic topic;
    REQUIRE(topic.Publish(first, 0));
    bool ready = false;
    if (before == 0) REQUIRE(topic.reader.Arm(&ready).ok());
    const bool done = RunVictim(stores, [&] { return topic.Publish(sizes, before); });
    const auto* control = topic.publisher.attachment()->own().control_as<BroadcastControl>();
    const uint64_t published = CountUpTo(control->tail.LoadSeqCst(), sizes);
    counts.insert(published);
    // A new reader finds each position.
    for (const SeekStart start : {SeekStart::kNext, SeekStart::kLast, SeekStart::kOldest}) {
      BroadcastSubscriber other(false);
      uint32_t index = 0;
      REQUIRE(other.AttachOwn(&topic.publisher, &index).ok());
      test::SeekTo(&other, start);
      CHECK(topic.Drain(&other, sizes) == (start == SeekStart::kNext ? 0 : published));
    }
    CHECK(topic.Drain(&topic.reader, sizes) == published);
    if (!done) continue;
    CHECK(published == sizes.size());
    CHECK(counts.size() == sizes.size() - before + 1);
    return stores - 1;
  }
}

}  // namespace

TEST_CASE("keeps the published messages when the writer of a topic dies in a message") {
  const std::vector<uint64_t> sizes = {64, 0, 300};
  CHECK(CheckDeaths(sizes, 0) > 5 * sizes.size());
}

TEST_CASE("keeps the published messages when the writer dies while it overwrites the oldest") {
  // Seven records of the largest size and a smaller one leave too little for the next.
  std::vector<uint64_t> sizes(7, kInlineMax - 5);
  sizes.insert(sizes.end(), {kInlineMax / 2, kInlineMax - 5, 1});
  CHECK(CheckDeaths(sizes, 8) > 10);
}

TEST_CASE("shows a close or not when the writer dies in it") {
  for (uint64_t stores = 1; stores < 3; stores++) {
    Topic topic;
    REQUIRE(topic.Publish({10}, 0));
    const bool done = RunVictim(stores, [&] {
      topic.publisher.Close();
      return true;
    });
    CHECK(done == (stores == 2));
    CHECK(topic.Drain(&topic.reader, {10}) == 1);
    test::BatchMemory memory;
    BroadcastBatch batch = memory.batch();
    BroadcastSubscriber::Received received;
    REQUIRE(topic.reader.Receive(&batch, {}, &received).ok());
    CHECK(received.closed);
  }
}

TEST_CASE("does not harm the writer when a blocking reader dies") {
  for (uint64_t stores = 1;; stores++) {
    CAPTURE(stores);
    HandoverPlace place;
    BroadcastPublisher publisher;
    BroadcastSubscriber reader(true);
    REQUIRE(publisher.Create(kRingBytes).ok());
    const uint32_t index = place.Attach(&publisher, &reader, true);
    WakeCounts counts;
    uint64_t sequence = 0;
    while (test::Publish(&publisher, sequence + 1, kInlineMax - 3, &counts)) sequence++;
    const bool done = RunVictim(stores, [&] {
      uint64_t next = 0;
      if (!reader.Seek(SeekStart::kOldest, 0, &next).ok()) return false;
      for (int batches = 0; batches < 3; batches++) {
        test::BatchMemory memory;
        BroadcastBatch batch = memory.batch();
        BroadcastSubscriber::Received received;
        if (!reader.Receive(&batch, {}, &received).ok()) return false;
      }
      bool ready = false;
      if (!reader.Arm(&ready).ok() || !reader.Disarm().ok()) return false;
      reader.Close();
      return true;
    });
    while (test::Publish(&publisher, sequence + 1, kInlineMax - 3, &counts)) sequence++;
    CHECK(publisher.violator() == ReaderHeads::kNoReader);
    CHECK(publisher.slowest() == index);
    publisher.Detach(index);
    for (int count = 0; count < 20; count++) {
      REQUIRE(test::Publish(&publisher, ++sequence, kInlineMax - 3, &counts));
    }
    if (!done) continue;
    CHECK(stores > 8);
    return;
  }
}

TEST_CASE("keeps the newest whole value when the writer of a cell dies") {
  std::set<uint64_t> versions;
  for (uint64_t stores = 1;; stores++) {
    CAPTURE(stores);
    HandoverPlace place;
    CellPublisher publisher;
    CellWatcher reader;
    REQUIRE(publisher.Create(1000).ok());
    place.Attach(&publisher, &reader);
    const bool done = RunVictim(stores, [&] {
      for (uint64_t expected = 1; expected <= 6; expected++) {
        const Payload value = test::MakePayload(expected, expected * 100);
        uint64_t version = 0;
        WakeCounts counts;
        if (!publisher.Set(value.data(), value.size(), &version, &counts).ok()) return false;
      }
      return true;
    });
    Payload target(1000);
    CellValue value;
    bool closed = true;
    REQUIRE(reader.Get(target.data(), target.size(), &value, &closed).ok());
    target.resize(value.length);
    CHECK(target == test::MakePayload(value.version, value.version * 100));
    CHECK_FALSE(closed);
    versions.insert(value.version);
    if (!done) continue;
    CHECK(versions.size() == 7);
    return;
  }
}

}  // namespace shmwire

TEST_SUITE_END();
