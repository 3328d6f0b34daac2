// The explorer finds the faults that it was made for, and reports no others. Each mutation removes
// one thing that the core relies on. An explorer that misses it would prove nothing.

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "core/shared_word.h"
#include "platform/wait_word.h"
#include "test/explore/searches.h"

TEST_SUITE_BEGIN("explorer_test");

namespace shmwire::explore {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;

// The seeds are fixed, so the result is too. Each fault was found within 1,300.
constexpr uint64_t kSeedsMax = 5'000;

constexpr std::string_view kLostWakeUp = "LOST WAKE-UP";
// A record that is read before it is written: its header is not that of a record, or its payload
// is an older one.
constexpr std::string_view kBadHeader = "a record";
constexpr std::string_view kBadPayload = "a message differs";

void CheckFinds(std::string_view fault, std::string_view scenario_name, const Mutation& mutation) {
  CheckFinds(fault, scenario_name, mutation, kSeedsMax);
}

void CheckHolds(std::string_view scenario_name, const Mutation& mutation) {
  constexpr uint64_t kSeeds = 2'000;
  CheckHolds(scenario_name, mutation, kSeeds);
}

}  // namespace

TEST_CASE("finds a lost wake-up when arming for data is only a release store") {
  CheckFinds(kLostWakeUp, "loop-data", {MutationKind::kStoreOrder, Part::kDataWake, kRelease});
  CheckFinds(kLostWakeUp, "loop-both-ways", {MutationKind::kStoreOrder, Part::kDataWake, kRelease});
}

TEST_CASE("finds a lost wake-up when arming for room is only a release store") {
  CheckFinds(kLostWakeUp, "loop-room", {MutationKind::kStoreOrder, Part::kRoomWake, kRelease});
}

// In a loop: a blocked wait also loads the peer's state, which compensates.
TEST_CASE("finds a lost wake-up when the poll after the arming is only an acquire load") {
  CheckFinds(kLostWakeUp, "loop-data", {MutationKind::kLoadOrder, Part::kTail, kAcquire});
  CheckFinds(kLostWakeUp, "loop-room", {MutationKind::kLoadOrder, Part::kHead, kAcquire});
}

TEST_CASE("finds a lost wake-up when tail is stored with release only") {
  CheckFinds(kLostWakeUp, "loop-data", {MutationKind::kStoreOrder, Part::kTail, kRelease});
  CheckFinds(kLostWakeUp, "blocked-data", {MutationKind::kStoreOrder, Part::kTail, kRelease});
}

TEST_CASE("finds a lost wake-up when head is stored with release only") {
  CheckFinds(kLostWakeUp, "loop-room", {MutationKind::kStoreOrder, Part::kHead, kRelease});
  CheckFinds(kLostWakeUp, "blocked-room", {MutationKind::kStoreOrder, Part::kHead, kRelease});
}

TEST_CASE("finds a lost wake-up when the waker's check is only an acquire load") {
  CheckFinds(kLostWakeUp, "blocked-data", {MutationKind::kLoadOrder, Part::kDataWake, kAcquire});
  CheckFinds(kLostWakeUp, "loop-room-once", {MutationKind::kLoadOrder, Part::kRoomWake, kAcquire});
}

TEST_CASE("finds a lost wake-up when the waker does not check") {
  CheckFinds(kLostWakeUp, "loop-fragments", {MutationKind::kLoadsZero, Part::kDataWake});
  CheckFinds(kLostWakeUp, "claims-in-place", {MutationKind::kLoadsZero, Part::kRoomWake});
}

TEST_CASE("finds a lost wake-up when the waker does not change the wake sequence") {
  CheckFinds(kLostWakeUp, "blocked-data", {MutationKind::kNoStore, Part::kWakeSequence});
}

TEST_CASE("finds a lost wake-up when a wait does not compare the wake sequence") {
  CheckFinds(kLostWakeUp, "blocked-data", {.kind = MutationKind::kWaitsAnyway});
}

TEST_CASE("finds a lost wake-up when a close is not stored") {
  CheckFinds(kLostWakeUp, "close-wakes-reader", {MutationKind::kNoStore, Part::kState});
  CheckFinds(kLostWakeUp, "close-wakes-writer", {MutationKind::kNoStore, Part::kState});
}

TEST_CASE("finds records that are read before they are written when tail is stored relaxed") {
  const Mutation mutation = {MutationKind::kStoreOrder, Part::kTail, kRelaxed};
  CheckFinds(kBadHeader, "loop-data", mutation);
  CheckFinds(kBadPayload, "loop-data", mutation);
}

TEST_CASE("finds records that are read before they are written when tail is loaded relaxed") {
  const Mutation mutation = {MutationKind::kLoadOrder, Part::kTail, kRelaxed};
  CheckFinds(kBadHeader, "blocked-data", mutation);
  CheckFinds(kBadPayload, "blocked-data", mutation);
  CheckFinds(kBadPayload, "claims-in-place", mutation);
  CheckFinds(kBadPayload, "loop-fragments", mutation);
}

// The stream is cut: the tail was loaded before the state.
TEST_CASE("finds a close that hides the last messages when state is loaded relaxed") {
  CheckFinds("the peer closed before its stream", "close-wakes-reader",
             {MutationKind::kLoadOrder, Part::kState, kRelaxed});
}

TEST_CASE("finds a lost wake-up when a word of the wake protocol is relaxed") {
  for (const MutationKind kind : {MutationKind::kStoreOrder, MutationKind::kLoadOrder}) {
    CheckFinds(kLostWakeUp, "loop-data", {kind, Part::kDataWake, kRelaxed});
    CheckFinds(kLostWakeUp, "loop-room-once", {kind, Part::kRoomWake, kRelaxed});
    CheckFinds(kLostWakeUp, "loop-room", {kind, Part::kHead, kRelaxed});
  }
}

TEST_CASE("finds a lost wake-up when the wake sequence is stored relaxed, before the state") {
  CheckFinds(kLostWakeUp, "close-wakes-reader",
             {MutationKind::kStoreOrder, Part::kWakeSequence, kRelaxed});
}

// The orders that docs/memory-model.md calls stronger than necessary.
TEST_CASE("finds no fault when an order is weakened that is stronger than necessary") {
  const Mutation mutations[] = {
      {MutationKind::kStoreOrder, Part::kWakeSequence, kRelease},
      {MutationKind::kLoadOrder, Part::kWakeSequence, kRelaxed},
      {MutationKind::kStoreOrder, Part::kState, kRelaxed},
      {MutationKind::kLoadOrder, Part::kState, kAcquire},
  };
  for (const Mutation& mutation : mutations) {
    CAPTURE(static_cast<int>(mutation.part));
    CheckHolds("blocked-data", mutation);
    CheckHolds("close-wakes-reader", mutation);
    CheckHolds("close-wakes-writer", mutation);
  }
}

TEST_CASE("finds no fault in the unchanged core") {
  for (const Scenario& scenario : Scenarios()) {
    ScenarioRun run(scenario);
    for (uint64_t seed = 1; seed <= 100; seed++) {
      const Outcome outcome = run.Run(seed);
      CAPTURE(outcome.trace);
      REQUIRE(outcome.fault == "");
    }
  }
}

TEST_CASE("repeats a run for the same seed") {
  const Mutation mutation = {MutationKind::kStoreOrder, Part::kDataWake, kRelease};
  const Outcome first = FindFault(kLostWakeUp, "loop-data", mutation, kSeedsMax);
  const Outcome second = FindFault(kLostWakeUp, "loop-data", mutation, kSeedsMax);
  CHECK_FALSE(first.fault.empty());
  CHECK(first.fault == second.fault);
  CHECK(first.trace == second.trace);
  CHECK(first.steps == second.steps);
}

TEST_CASE("reaches a sleeper's deadline only when no other actor can continue") {
  SharedWord<uint32_t> word{};
  Explorer explorer;
  uint64_t woken_nanos = 0;
  const Outcome outcome =
      explorer.Run({[&] {
                      platform::WaitOnWord(word.address(), 0, 1000);
                      woken_nanos = Explorer::Running()->now_nanos();
                    },
                    [&] {
                      for (int access = 0; access < 100; access++) (void)word.LoadRelaxed();
                      Expect(Explorer::Running()->now_nanos() == 0, "the clock advanced too early");
                    }},
                   Schedule(1, 2, 100), {});
  CHECK(outcome.fault == "");
  CHECK(woken_nanos == 1000);
}

TEST_CASE("reports a wait that no actor ends as a lost wake-up") {
  SharedWord<uint32_t> word{};
  Explorer explorer;
  const Outcome outcome = explorer.Run(
      {[&] { platform::WaitOnWord(word.address(), 0, UINT64_MAX); }}, Schedule::InTurn(1), {});
  CHECK(outcome.fault.find(kLostWakeUp) == 0);
  CHECK(outcome.trace.find("sleeps") != std::string::npos);
}

}  // namespace shmwire::explore

TEST_SUITE_END();
