// The explorer finds the faults of topics and cells: each mutation removes one thing on which their
// readers rely.

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "core/shared_word.h"
#include "test/explore/searches.h"

TEST_SUITE_BEGIN("messaging_explorer_test");

namespace shmwire::explore {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;

// The seeds are fixed, so the result is too.
constexpr uint64_t kSeedsMax = 20'000;

constexpr std::string_view kLostWakeUp = "LOST WAKE-UP";

void CheckFinds(std::string_view fault, std::string_view scenario_name, const Mutation& mutation) {
  CheckFinds(fault, scenario_name, mutation, kSeedsMax);
}

void CheckHolds(std::string_view scenario_name, const Mutation& mutation) {
  constexpr uint64_t kSeeds = 3'000;
  CheckHolds(scenario_name, mutation, kSeeds);
}

}  // namespace

TEST_CASE("finds an overtaken copy when the intent is not stored") {
  CheckFinds("a message differs", "topic-laps", {MutationKind::kNoStore, Part::kIntent});
}

TEST_CASE("finds an overtaken copy without either fence") {
  CheckFinds("a message differs", "topic-laps", {.kind = MutationKind::kNoReleaseFence});
  CheckFinds("a message differs", "topic-laps", {.kind = MutationKind::kNoAcquireFence});
  CheckFinds("a value differs", "cell-laps", {.kind = MutationKind::kNoAcquireFence});
}

TEST_CASE("finds records that are read before they are written when tail is relaxed") {
  for (const MutationKind kind : {MutationKind::kStoreOrder, MutationKind::kLoadOrder}) {
    CheckFinds("a record", "topic-data", {kind, Part::kTail, kRelaxed});
    CheckFinds("a message differs", "topic-data", {kind, Part::kTail, kRelaxed});
  }
}

TEST_CASE("finds a lost wake-up when tail is weaker than seq_cst") {
  CheckFinds(kLostWakeUp, "topic-data", {MutationKind::kStoreOrder, Part::kTail, kRelease});
}

TEST_CASE("finds a wrong position when latest is weaker, or not stored") {
  CheckFinds("latest is not published", "topic-seeks-last",
             {MutationKind::kStoreOrder, Part::kLatest, kRelaxed});
  CheckFinds("latest is not published", "topic-seeks-last",
             {MutationKind::kLoadOrder, Part::kLatest, kRelaxed});
  // All positions are found from 0, until that is overwritten.
  CheckHolds("topic-seeks-last", {MutationKind::kNoStore, Part::kLatest});
}

TEST_CASE("finds a lost wake-up when a wake word of a topic is weaker than seq_cst") {
  for (const auto order : {kRelaxed, kRelease}) {
    CheckFinds(kLostWakeUp, "topic-data", {MutationKind::kStoreOrder, Part::kDataWake, order});
    CheckFinds(kLostWakeUp, "topic-blocks-once",
               {MutationKind::kStoreOrder, Part::kRoomWake, order});
  }
  for (const auto order : {kRelaxed, kAcquire}) {
    CheckFinds(kLostWakeUp, "topic-data", {MutationKind::kLoadOrder, Part::kDataWake, order});
    CheckFinds(kLostWakeUp, "topic-blocks-once",
               {MutationKind::kLoadOrder, Part::kRoomWake, order});
  }
  CheckFinds(kLostWakeUp, "topic-data", {MutationKind::kLoadsZero, Part::kDataWake});
  CheckFinds(kLostWakeUp, "topic-blocks-once", {MutationKind::kLoadsZero, Part::kRoomWake});
}

TEST_CASE("finds a lost wake-up when the head of a blocking reader is weaker than seq_cst") {
  CheckFinds(kLostWakeUp, "topic-blocks-once", {MutationKind::kStoreOrder, Part::kHead, kRelease});
  CheckFinds(kLostWakeUp, "topic-blocks-once", {MutationKind::kLoadOrder, Part::kHead, kAcquire});
}

TEST_CASE("finds a close that hides the last message when state is loaded relaxed") {
  CheckFinds("the topic closed before its last message", "topic-closes",
             {MutationKind::kLoadOrder, Part::kState, kRelaxed});
  CheckFinds("the cell closed before its last value", "cell-closes",
             {MutationKind::kLoadOrder, Part::kState, kRelaxed});
}

TEST_CASE("finds a lost wake-up when a close is not stored") {
  CheckFinds(kLostWakeUp, "topic-closes", {MutationKind::kNoStore, Part::kState});
  CheckFinds(kLostWakeUp, "cell-closes", {MutationKind::kNoStore, Part::kState});
}

TEST_CASE("finds a lost wake-up when state is weaker than seq_cst") {
  CheckFinds(kLostWakeUp, "topic-closes", {MutationKind::kStoreOrder, Part::kState, kRelease});
  CheckFinds(kLostWakeUp, "cell-closes", {MutationKind::kStoreOrder, Part::kState, kRelease});
}

TEST_CASE("finds a value that is read before it is written when its sequence is relaxed") {
  for (const MutationKind kind : {MutationKind::kStoreOrder, MutationKind::kLoadOrder}) {
    CheckFinds("a value", "cell-data", {kind, Part::kVersion, kRelaxed});
  }
}

TEST_CASE("finds a lost wake-up when the sequence of a cell is weaker than seq_cst") {
  CheckFinds(kLostWakeUp, "cell-data", {MutationKind::kStoreOrder, Part::kVersion, kRelease});
}

// docs/memory-model.md has the reasons.
TEST_CASE("finds no fault when an order is weakened that is stronger than necessary") {
  CheckHolds("topic-data", {MutationKind::kLoadOrder, Part::kTail, kAcquire});
  CheckHolds("cell-data", {MutationKind::kLoadOrder, Part::kVersion, kAcquire});
  CheckHolds("cell-laps", {.kind = MutationKind::kNoReleaseFence});
}

}  // namespace shmwire::explore

TEST_SUITE_END();
