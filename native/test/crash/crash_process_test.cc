// A process that dies right after its nth store, for every n. Everything that it published is there
// and whole, nothing else is, and the peer notices that it is gone.

#include <algorithm>
#include <set>

#include "test/crash/crash_support.h"

TEST_SUITE_BEGIN("crash_process_test");

namespace shmwire {
namespace {

using crash::CrashRun;
using test::kInlineMax;
using test::kRingBytes;
using test::Payload;

constexpr WaitFor kForData = {.for_data = true};
constexpr WaitFor kForRoom = {.room_length = kInlineMax};
constexpr WaitFor kForNothing = {};

// Messages, and the positions of their records, computed without the code under test.
struct Stream {
  std::vector<Payload> messages;
  // How many messages are written and read before the victim dies.
  size_t before;
  std::vector<uint64_t> tails;     // after each message
  std::set<uint64_t> heads = {0};  // after each record

  explicit Stream(const std::vector<uint64_t>& sizes, size_t before_count = 0)
      : before(before_count) {
    for (const uint64_t bytes : sizes) {
      messages.push_back(test::MakePayload(messages.size(), bytes));
      uint64_t missing = bytes <= kInlineMax ? bytes : bytes + kFragmentTotalBytes;
      do {
        const uint64_t count = std::min(missing, kInlineMax);
        AddRecord(count);
        missing -= count;
      } while (missing != 0);
      tails.push_back(tail_);
    }
  }

  [[nodiscard]] size_t CountUpTo(uint64_t tail) const {
    return static_cast<size_t>(std::upper_bound(tails.begin(), tails.end(), tail) - tails.begin());
  }

 private:
  void AddRecord(uint64_t length) {
    const uint64_t left_bytes = kRingBytes - tail_ % kRingBytes;
    if (RecordSpan(length) > left_bytes) tail_ += left_bytes;
    tail_ += RecordSpan(length);
    heads.insert(tail_);
  }

  uint64_t tail_ = 0;
};

// Writes the messages from `first` to before `end`.
bool WriteSome(Endpoint* endpoint, const Stream& stream, size_t first, size_t end) {
  for (size_t index = first; index < end; index++) {
    const Payload& message = stream.messages[index];
    const auto id = static_cast<uint32_t>(index);
    if (test::WriteOne(endpoint, message, id).offset != message.size()) return false;
  }
  return true;
}

bool WriteRest(Endpoint* endpoint, const Stream& stream) {
  return WriteSome(endpoint, stream, stream.before, stream.messages.size());
}

bool CommitAll(Endpoint* endpoint, const Stream& stream) {
  for (uint32_t id = 0; id < stream.messages.size(); id++) {
    const Payload& message = stream.messages[id];
    int64_t offset = -1;
    bool needs_wake = false;
    if (!endpoint->Claim(message.size(), &offset, &needs_wake).ok() || offset < 0) return false;
    SharedAccess::Copy(endpoint->own().data() + offset, message.data(), message.size());
    if (!endpoint->Commit(1, id, message.size(), &needs_wake).ok()) return false;
  }
  return true;
}

bool ReadAll(Endpoint* endpoint) {
  test::Collector collector(endpoint);
  bool needs_wake = false;
  while (collector.Collect([](uint32_t, const std::byte*, uint64_t) {}, &needs_wake)) {
  }
  return collector.status().ok();
}

bool ReadInPlace(Endpoint* endpoint) {
  MessageDescriptor descriptors[3];
  for (;;) {
    Batch batch = {.target = nullptr,
                   .target_bytes = 0,
                   .offset = 0,
                   .descriptors = descriptors,
                   .descriptors_max = 3};
    bool needs_wake = false;
    if (!endpoint->Receive(&batch, {}, &needs_wake).ok()) return false;
    if (!endpoint->Release(&needs_wake).ok()) return false;
    if (batch.count == 0) return true;
  }
}

// Reads all messages from the nth on. Returns how many have been read in total.
size_t Collect(Endpoint* endpoint, const Stream& stream, size_t first) {
  test::Collector collector(endpoint);
  size_t next = first;
  bool needs_wake = false;
  const auto check = [&](uint32_t id, const std::byte* data, uint64_t bytes) {
    REQUIRE(id == next);
    const Payload& expected = stream.messages[id];
    REQUIRE(bytes == expected.size());
    REQUIRE((bytes == 0 || std::memcmp(data, expected.data(), bytes) == 0));
    next++;
  };
  while (collector.Collect(check, &needs_wake)) REQUIRE(collector.status().ok());
  REQUIRE(collector.status().ok());
  return next;
}

// The outcome of a wait of the survivor when no data is left.
WaitOutcome EndOf(CrashRun* run) {
  const ControlBlock* control = run->victim().own().control();
  const bool closed = control->state.LoadSeqCst() != static_cast<uint32_t>(SegmentState::kOpen);
  return closed ? WaitOutcome::kClosed : WaitOutcome::kPeerGone;
}

// The victim writes the rest of the stream. The survivor sleeps in a blocking wait for `wait`, or
// in an event loop, and receives what was published. Returns how many stores the victim has.
uint64_t CheckDeathsOfWriter(const Stream& stream, const WaitFor& wait, const CrashRun::Act& act) {
  std::set<size_t> counts;
  for (uint64_t stores = 1;; stores++) {
    CAPTURE(stores);
    CrashRun run;
    REQUIRE(WriteSome(&run.victim(), stream, 0, stream.before));
    REQUIRE(Collect(&run.survivor(), stream, 0) == stream.before);
    bool has_data = true;
    if (!wait.for_data) REQUIRE(run.survivor().ArmForData(&has_data).ok());
    WaitOutcome outcome = WaitOutcome::kReady;
    const bool done = run.Run(act, stores, wait, &outcome);
    const size_t published = stream.CountUpTo(run.victim().own().control()->tail.LoadSeqCst());
    CHECK(Collect(&run.survivor(), stream, stream.before) == published);
    counts.insert(published);
    if (outcome == WaitOutcome::kReady) outcome = run.Wait(kForData);
    CHECK(outcome == EndOf(&run));
    if (!done) continue;
    CHECK(published == stream.messages.size());
    // The victim died between any two messages.
    CHECK(counts.size() == stream.messages.size() - stream.before + 1);
    return stores - 1;
  }
}

// The victim reads the survivor's messages, and sleeps or closes. The survivor fills the ring, and
// notices that the peer is gone. Returns how many stores the victim has.
uint64_t CheckDeathsOfReader(const Stream& stream, const WaitFor& wait, const CrashRun::Act& act) {
  for (uint64_t stores = 1;; stores++) {
    CAPTURE(stores);
    CrashRun run;
    REQUIRE(WriteRest(&run.survivor(), stream));
    WaitOutcome outcome = WaitOutcome::kReady;
    const bool done = run.Run(act, stores, wait, &outcome);
    uint64_t depth_bytes = 0;
    REQUIRE(run.survivor().DepthBytes(&depth_bytes).ok());
    const uint64_t head = stream.tails.back() - depth_bytes;
    CHECK(stream.heads.contains(head));
    test::WriteResult written;
    do {
      written = test::WriteOne(&run.survivor(), Payload(kInlineMax));
      REQUIRE(written.status.ok());
    } while (written.wrote);
    if (outcome == WaitOutcome::kReady) outcome = run.Wait(kForRoom);
    CHECK(outcome == EndOf(&run));
    if (!done) continue;
    CHECK(head == stream.tails.back());
    return stores - 1;
  }
}

}  // namespace

TEST_CASE("keeps the published messages when a writer dies in a message") {
  const Stream stream({64, 0, 300});
  const auto act = [&](Endpoint* endpoint) { return WriteRest(endpoint, stream); };
  const uint64_t places = CheckDeathsOfWriter(stream, kForData, act);
  CHECK(places > stream.messages.size());
  // To wake an event loop is one store, of a counter. To wake a blocked peer is one more.
  CHECK(CheckDeathsOfWriter(stream, kForNothing, act) < places);
}

TEST_CASE("keeps the published messages when a writer dies in a record behind a pad") {
  // Seven records of the largest size and a smaller one leave too little for the next.
  std::vector<uint64_t> sizes(7, kInlineMax);
  sizes.insert(sizes.end(), {kInlineMax / 2, kInlineMax, 1});
  const Stream stream(sizes, 8);
  const auto act = [&](Endpoint* endpoint) { return WriteRest(endpoint, stream); };
  CHECK(CheckDeathsOfWriter(stream, kForNothing, act) > 2);
}

TEST_CASE(
    "keeps all messages before one in fragments when its writer dies, and nothing of that one") {
  const Stream stream({10, 2 * kInlineMax, 10});
  const auto act = [&](Endpoint* endpoint) { return WriteRest(endpoint, stream); };
  CHECK(CheckDeathsOfWriter(stream, kForData, act) > 2 * stream.messages.size());
}

TEST_CASE("keeps the published messages when a writer dies in a claim or its commit") {
  const Stream stream({64, kInlineMax});
  const auto act = [&](Endpoint* endpoint) { return CommitAll(endpoint, stream); };
  CHECK(CheckDeathsOfWriter(stream, kForData, act) > stream.messages.size());
}

TEST_CASE("reports an end that dies in its close as closed or gone") {
  const Stream stream({64});
  const auto act = [&](Endpoint* endpoint) {
    if (!WriteRest(endpoint, stream)) return false;
    endpoint->Close();
    return true;
  };
  CHECK(CheckDeathsOfWriter(stream, kForData, act) > stream.messages.size() + 1);
}

TEST_CASE("releases whole records or nothing when a reader dies") {
  const Stream stream(std::vector<uint64_t>(kRecordsPerRingMin, kInlineMax));
  CHECK(CheckDeathsOfReader(stream, kForRoom, ReadAll) > stream.messages.size());
}

TEST_CASE("releases whole records or nothing when a reader of messages in place dies") {
  const Stream stream(std::vector<uint64_t>(kRecordsPerRingMin, kInlineMax));
  CHECK(CheckDeathsOfReader(stream, kForRoom, ReadInPlace) > 2);
}

TEST_CASE("releases whole records or nothing when a reader dies in a message of fragments") {
  const Stream stream({10, 2 * kInlineMax});
  CHECK(CheckDeathsOfReader(stream, kForNothing, ReadAll) > 3);
}

TEST_CASE("does not harm the peer of an end that dies while it falls asleep, wakes up or closes") {
  const Stream stream({64, 0});
  const auto act = [](Endpoint* endpoint) {
    bool there = false;
    WaitOutcome outcome = WaitOutcome::kReady;
    if (!ReadAll(endpoint) || !endpoint->ArmForData(&there).ok() || there) return false;
    if (!endpoint->DisarmForData().ok()) return false;
    if (!endpoint->ArmForRoom(1, &there).ok() || !there) return false;
    if (!endpoint->Wait({.for_data = true, .timeout_nanos = 1}, &outcome).ok()) return false;
    if (outcome != WaitOutcome::kTimeout || !endpoint->Freeze().ok()) return false;
    endpoint->Close();
    return true;
  };
  CHECK(CheckDeathsOfReader(stream, kForNothing, act) > 10);
}

}  // namespace shmwire

TEST_SUITE_END();
