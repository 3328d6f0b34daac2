// The explorer finds the faults that it was made for, and reports no others. Each mutation removes
// one thing that the core relies on. An explorer that misses it would prove nothing.

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "core/shared_word.h"
#include "platform/wait_word.h"
#include "test/explore/scenario.h"

TEST_SUITE_BEGIN("explorer_test");

namespace shmwire::explore {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;

// The seeds are fixed, so the result is too. Each fault was found within 250.
constexpr uint64_t kSeedsMax = 5'000;

constexpr std::string_view kLostWakeUp = "LOST WAKE-UP";

// Returns the first run with a fault.
Outcome Explore(std::string_view scenario_name, const Mutation& mutation) {
  const Scenario* scenario = FindScenario(scenario_name);
  REQUIRE(scenario != nullptr);
  ScenarioRun run(*scenario);
  for (uint64_t seed = 1; seed <= kSeedsMax; seed++) {
    Outcome outcome = run.Run(seed, mutation);
    if (!outcome.fault.empty()) return outcome;
  }
  return {};
}

void CheckFinds(std::string_view fault, std::string_view scenario_name, const Mutation& mutation) {
  const Outcome outcome = Explore(scenario_name, mutation);
  CAPTURE(outcome.fault);
  CAPTURE(outcome.trace);
  CHECK(outcome.fault.find(fault) != std::string::npos);
  CHECK_FALSE(outcome.trace.empty());
}

// Two actors that store and load two words.
struct Litmus {
  SharedWord<uint64_t> first{};
  SharedWord<uint64_t> second{};
  uint64_t loaded[2] = {};

  // Whether `ended` holds after one of the runs.
  template <typename One, typename Other, typename Ended>
  bool CanEnd(One one, Other other, Ended ended) {
    constexpr uint64_t kSteps = 8;
    Explorer explorer;
    for (uint64_t seed = 1; seed <= kSeedsMax; seed++) {
      first.StoreRelaxed(0);
      second.StoreRelaxed(0);
      const Outcome outcome = explorer.Run({one, other}, Schedule(seed, 2, kSteps), {});
      REQUIRE(outcome.fault.empty());
      if (ended()) return true;
    }
    return false;
  }
};

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

TEST_CASE("finds records that are read before they are written when tail is relaxed") {
  CheckFinds("a record", "loop-data", {MutationKind::kStoreOrder, Part::kTail, kRelaxed});
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
  const Outcome first = Explore("loop-data", mutation);
  const Outcome second = Explore("loop-data", mutation);
  CHECK_FALSE(first.fault.empty());
  CHECK(first.fault == second.fault);
  CHECK(first.trace == second.trace);
  CHECK(first.steps == second.steps);
}

TEST_CASE("shows both actors old values unless all four accesses are seq_cst") {
  Litmus words;
  const auto both_missed = [&] { return words.loaded[0] == 0 && words.loaded[1] == 0; };
  const auto store_release = [&] {
    words.first.StoreRelease(1);
    words.loaded[0] = words.second.LoadSeqCst();
  };
  const auto load_acquire = [&] {
    words.first.StoreSeqCst(1);
    words.loaded[0] = words.second.LoadAcquire();
  };
  const auto seq_cst = [&] {
    words.first.StoreSeqCst(1);
    words.loaded[0] = words.second.LoadSeqCst();
  };
  const auto other = [&] {
    words.second.StoreSeqCst(1);
    words.loaded[1] = words.first.LoadSeqCst();
  };
  CHECK(words.CanEnd(store_release, other, both_missed));
  CHECK(words.CanEnd(load_acquire, other, both_missed));
  CHECK_FALSE(words.CanEnd(seq_cst, other, both_missed));
}

TEST_CASE("makes a relaxed store visible before an older one, but not a release store") {
  Litmus words;
  const auto reads = [&] {
    words.loaded[0] = words.second.LoadAcquire();
    words.loaded[1] = words.first.LoadRelaxed();
  };
  const auto reordered = [&] { return words.loaded[0] == 1 && words.loaded[1] == 0; };
  const auto relaxed = [&] {
    words.first.StoreRelaxed(1);
    words.second.StoreRelaxed(1);
  };
  const auto released = [&] {
    words.first.StoreRelaxed(1);
    words.second.StoreRelease(1);
  };
  CHECK(words.CanEnd(relaxed, reads, reordered));
  CHECK_FALSE(words.CanEnd(released, reads, reordered));
}

TEST_CASE("shows an actor its own stores at once, and others the stores in order") {
  Litmus words;
  const auto writes = [&] {
    words.first.StoreRelaxed(1);
    words.first.StoreRelaxed(2);
    Expect(words.first.LoadRelaxed() == 2, "the own store is not visible");
  };
  const auto reads = [&] {
    words.loaded[0] = words.first.LoadRelaxed();
    words.loaded[1] = words.first.LoadRelaxed();
  };
  CHECK(words.CanEnd(writes, reads, [&] { return words.loaded[0] == 1 && words.loaded[1] == 2; }));
  CHECK_FALSE(words.CanEnd(writes, reads, [&] { return words.loaded[0] > words.loaded[1]; }));
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
