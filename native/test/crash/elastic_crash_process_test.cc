// As crash_process_test.cc, in a ring that grows: one end dies right after its nth store, for every
// n, in each step of the growth. The other one keeps what was published, and notices.

#include <array>
#include <functional>
#include <set>

#include "platform/shared_memory.h"
#include "test/crash/crash_support.h"

TEST_SUITE_BEGIN("elastic_crash_process_test");

namespace shmwire {
namespace {

using crash::CrashRun;
using test::kInlineMax;
using test::Payload;

constexpr WaitFor kForData = {.for_data = true};
constexpr WaitFor kForRoom = {.room_length = kInlineMax};
constexpr WaitFor kForNothing = {};

constexpr uint64_t kElasticBytes = 2 * kSmallRingBytes;
constexpr uint64_t kSpan = RecordSpan(kInlineMax);
constexpr size_t kMessages = 64;

// The messages have the largest size of a small ring, but for one. Their numbers, and where they
// are: A first lap, so that the jump of MOVE is not too far for a reader that is behind. Then an
// empty message, so that the last messages before OFFER and before MOVE do not fit exactly.
constexpr size_t kEmpty = kRecordsPerRingMin;
constexpr size_t kLapEnd = kEmpty + 1;
constexpr uint64_t kLapEndAt = kSmallRingBytes + kRecordHeaderBytes;
// Then a full ring, and OFFER.
constexpr size_t kOffered = kLapEnd + kRecordsPerRingMin - 1;
constexpr uint64_t kOfferAt = kLapEndAt + (kOffered - kLapEnd) * kSpan;
// Then a full ring behind a pad, and MOVE.
constexpr size_t kFull = kOffered + kRecordsPerRingMin - 1;
constexpr uint64_t kBehindPad = 2 * kSmallRingBytes;
constexpr uint64_t kMoveAt = kBehindPad + (kFull - kOffered) * kSpan;
// Then as many as fit while the messages behind OFFER are unread. When one of them was read, as
// many more, the last of which is where it was.
constexpr uint64_t kMovedTo = 3 * kSmallRingBytes;
constexpr size_t kMoved = kFull + kRecordsPerRingMin - 1;
constexpr size_t kWrapped = kMoved + 2;

// Where a message begins and ends, computed without the code under test.
constexpr uint64_t StartOf(size_t index) {
  if (index <= kEmpty) return index * kSpan;
  if (index < kOffered) return kLapEndAt + (index - kLapEnd) * kSpan;
  if (index < kFull) return kBehindPad + (index - kOffered) * kSpan;
  return kMovedTo + (index - kFull) * kSpan;
}
constexpr uint64_t EndOf(size_t index) {
  return index == kEmpty ? kLapEndAt : StartOf(index) + kSpan;
}

static_assert(kMoveAt + kRecordHeaderBytes < kMovedTo);

const Payload& MessageOf(size_t index) {
  static const auto kAll = [] {
    std::array<Payload, kMessages> made;
    for (size_t at = 0; at < made.size(); at++) {
      made[at] = test::MakePayload(at, at == kEmpty ? 0 : kInlineMax);
    }
    return made;
  }();
  return kAll[index];
}

bool WriteSome(Endpoint* endpoint, size_t first, size_t end) {
  for (size_t index = first; index < end; index++) {
    const test::WriteResult result =
        test::WriteOne(endpoint, MessageOf(index), static_cast<uint32_t>(index));
    if (!result.status.ok() || !result.wrote) return false;
  }
  return true;
}

bool FindNoRoom(Endpoint* endpoint) {
  const test::WriteResult result = test::WriteOne(endpoint, MessageOf(0));
  return result.status.ok() && !result.wrote;
}

// Reads from the nth message on, up to `end` or all. Returns how many have been read in total.
size_t ReadSome(Endpoint* endpoint, size_t first, size_t end = kMessages) {
  test::Collector collector(endpoint);
  size_t next = first;
  bool same = true;
  bool needs_wake = false;
  const auto check = [&](uint32_t id, const std::byte* data, uint64_t bytes) {
    const Payload& expected = MessageOf(next);
    same = same && id == next && bytes == expected.size() &&
           (bytes == 0 || std::memcmp(data, expected.data(), bytes) == 0);
    next++;
  };
  while (next < end && collector.Collect(check, &needs_wake)) {
  }
  return same && collector.status().ok() ? next : kMessages + 1;
}

size_t CountUpTo(uint64_t tail) {
  size_t count = 0;
  while (EndOf(count) <= tail) count++;
  return count;
}

void WriteAndReadLap(Endpoint* writer, Endpoint* reader) {
  REQUIRE(writer->own().elastic());
  REQUIRE(WriteSome(writer, 0, kEmpty - 1));
  REQUIRE(ReadSome(reader, 0) == kEmpty - 1);
  REQUIRE(WriteSome(writer, kEmpty - 1, kLapEnd));
  REQUIRE(ReadSome(reader, kEmpty - 1) == kLapEnd);
}

// Up to the state in which the next message causes MOVE.
void GrowUpToMove(Endpoint* writer, Endpoint* reader) {
  WriteAndReadLap(writer, reader);
  REQUIRE(WriteSome(writer, kLapEnd, kOffered));
  REQUIRE(FindNoRoom(writer));
  REQUIRE(ReadSome(reader, kLapEnd) == kOffered);
  REQUIRE(WriteSome(writer, kOffered, kFull));
}

bool HasAccepted(const Endpoint& reader) {
  return reader.own().control()->accepted.LoadRelaxed() == 1;
}

bool HasMoved(const Endpoint& writer) { return writer.InlineBytesMax() > kInlineMax; }

// The victim's published messages, of which `read` were read before, reach the survivor.
size_t CheckPublished(CrashRun* run, size_t read) {
  const size_t published = CountUpTo(run->victim().own().control()->tail.LoadSeqCst());
  CHECK(ReadSome(&run->survivor(), read) == published);
  CHECK(run->Wait(kForData) == WaitOutcome::kPeerGone);
  return published;
}

// A dead reader has released whole records, and its peer fills the ring that it has agreed to.
// Returns the head.
uint64_t CheckFilled(CrashRun* run, WaitOutcome outcome) {
  Endpoint& writer = run->survivor();
  const uint64_t head = run->victim().own().control()->head.LoadSeqCst();
  std::set<uint64_t> heads = {0, kOfferAt + kRecordHeaderBytes};
  for (size_t index = 0; index < kMessages; index++) heads.insert({StartOf(index), EndOf(index)});
  CHECK(heads.contains(head));
  test::WriteResult written;
  do {
    written = test::WriteOne(&writer, MessageOf(0));
    REQUIRE(written.status.ok());
  } while (written.wrote);
  CHECK(HasMoved(writer) == HasAccepted(run->victim()));
  const uint64_t ahead = writer.own().control()->tail.LoadSeqCst() - head;
  CHECK(ahead <= (HasMoved(writer) ? kElasticBytes : kSmallRingBytes));
  if (outcome == WaitOutcome::kReady) outcome = run->Wait(kForRoom);
  CHECK(outcome == WaitOutcome::kPeerGone);
  return head;
}

// Calls `run_once` with each number of stores after which the victim dies, until it is done before.
void ForEachDeath(const std::function<bool(CrashRun* run, uint64_t stores)>& run_once) {
  bool done = false;
  for (uint64_t stores = 1; !done; stores++) {
    CAPTURE(stores);
    CrashRun run(kElasticBytes);
    done = run_once(&run, stores);
  }
}

// Returns in how many places the victim can die.
uint64_t CheckDeathsOfAcceptingReader(const WaitFor& wait) {
  std::set<bool> accepted;
  for (uint64_t stores = 1;; stores++) {
    CAPTURE(stores);
    CrashRun run(kElasticBytes);
    WriteAndReadLap(&run.survivor(), &run.victim());
    REQUIRE(WriteSome(&run.survivor(), kLapEnd, kOffered));
    REQUIRE(FindNoRoom(&run.survivor()));
    const auto act = [](Endpoint* endpoint) { return ReadSome(endpoint, kLapEnd) == kOffered; };
    WaitOutcome outcome = WaitOutcome::kReady;
    const bool done = run.Run(act, stores, wait, &outcome);
    accepted.insert(HasAccepted(run.victim()));
    const uint64_t head = CheckFilled(&run, outcome);
    if (!done) continue;
    CHECK(head == kOfferAt + kRecordHeaderBytes);
    CHECK(accepted.size() == 2);
    return stores - 1;
  }
}

}  // namespace

TEST_CASE("keeps the published messages when a writer dies while it offers its pages") {
  if (!platform::CanAddPages()) return;
  std::set<size_t> counts;
  ForEachDeath([&](CrashRun* run, uint64_t stores) {
    WriteAndReadLap(&run->victim(), &run->survivor());
    const auto act = [](Endpoint* endpoint) {
      return WriteSome(endpoint, kLapEnd, kOffered) && FindNoRoom(endpoint);
    };
    WaitOutcome outcome = WaitOutcome::kReady;
    const bool done = run->Run(act, stores, kForData, &outcome);
    CHECK(outcome == (run->victim().own().control()->tail.LoadSeqCst() == EndOf(kLapEnd - 1)
                          ? WaitOutcome::kPeerGone
                          : WaitOutcome::kReady));
    counts.insert(CheckPublished(run, kLapEnd));
    const bool offered = run->victim().own().control()->tail.LoadSeqCst() > kOfferAt;
    CHECK(HasAccepted(run->survivor()) == offered);
    CHECK((offered || !done));
    return done;
  });
  CHECK(counts.size() == kOffered - kLapEnd + 1);
}

TEST_CASE("keeps the published messages when a writer dies while it moves to its whole ring") {
  if (!platform::CanAddPages()) return;
  std::set<size_t> counts;
  ForEachDeath([&](CrashRun* run, uint64_t stores) {
    GrowUpToMove(&run->victim(), &run->survivor());
    const auto act = [](Endpoint* endpoint) {
      return WriteSome(endpoint, kFull, kMoved) && HasMoved(*endpoint);
    };
    WaitOutcome outcome = WaitOutcome::kReady;
    const bool done = run->Run(act, stores, kForNothing, &outcome);
    counts.insert(CheckPublished(run, kOffered));
    return done;
  });
  CHECK(counts.size() == kMoved - kFull + 1);
}

TEST_CASE("uses the ring that the reader has accepted when it dies while it accepts") {
  if (!platform::CanAddPages()) return;
  CHECK(CheckDeathsOfAcceptingReader(kForNothing) > kOffered - kLapEnd);
  CHECK(CheckDeathsOfAcceptingReader(kForRoom) > kOffered - kLapEnd);
}

TEST_CASE("releases whole records or nothing when a reader dies while it reads MOVE") {
  if (!platform::CanAddPages()) return;
  ForEachDeath([&](CrashRun* run, uint64_t stores) {
    GrowUpToMove(&run->survivor(), &run->victim());
    REQUIRE(WriteSome(&run->survivor(), kFull, kMoved));
    REQUIRE(ReadSome(&run->victim(), kOffered, kOffered + 1) == kOffered + 1);
    REQUIRE(WriteSome(&run->survivor(), kMoved, kWrapped));
    const auto act = [](Endpoint* endpoint) {
      return ReadSome(endpoint, kOffered + 1) == kWrapped;
    };
    WaitOutcome outcome = WaitOutcome::kReady;
    const bool done = run->Run(act, stores, kForRoom, &outcome);
    const uint64_t head = CheckFilled(run, outcome);
    CHECK((head == EndOf(kWrapped - 1) || !done));
    return done;
  });
}

}  // namespace shmwire

TEST_SUITE_END();
