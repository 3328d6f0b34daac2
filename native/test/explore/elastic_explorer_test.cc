// As explorer_test.cc, in rings that grow.

#include <doctest/doctest.h>

#include <string_view>

#include "test/explore/searches.h"

TEST_SUITE_BEGIN("elastic_explorer_test");

namespace shmwire::explore {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;

// The seeds are fixed, so the result is too.
constexpr uint64_t kSeedsMax = 2'000;
constexpr uint64_t kHoldsSeeds = 300;

constexpr std::string_view kLostWakeUp = "LOST WAKE-UP";
constexpr std::string_view kAll[] = {"elastic-loop", "elastic-blocked", "elastic-exact",
                                     "elastic-fragments", "elastic-claims-in-place"};
constexpr std::string_view kOnce[] = {"elastic-loop-once", "elastic-blocked-once"};

}  // namespace

TEST_CASE("finds a page that is accessed before the writer has created it") {
  CheckFinds("a page that does not exist", "elastic-loop", {.kind = MutationKind::kNoPages},
             kSeedsMax);
}

TEST_CASE("finds a lost wake-up when the reader does not store that it accepts") {
  for (const std::string_view scenario : kOnce) {
    CheckFinds(kLostWakeUp, scenario, {MutationKind::kNoStore, Part::kAccepted}, kSeedsMax);
  }
}

TEST_CASE("finds a lost wake-up when the head, which follows the acceptance, is weaker") {
  for (const std::string_view scenario : kOnce) {
    CheckFinds(kLostWakeUp, scenario, {MutationKind::kStoreOrder, Part::kHead, kRelaxed},
               kSeedsMax);
    CheckFinds(kLostWakeUp, scenario, {MutationKind::kStoreOrder, Part::kHead, kRelease},
               kSeedsMax);
  }
  // In a loop: a blocked wait also loads the peer's state, which compensates.
  for (const std::memory_order order : {kRelaxed, kAcquire}) {
    CheckFinds(kLostWakeUp, "elastic-loop-once", {MutationKind::kLoadOrder, Part::kHead, order},
               kSeedsMax);
  }
}

TEST_CASE("finds a lost wake-up when the reader of OFFER does not see the armed writer") {
  for (const std::string_view scenario : kOnce) {
    CheckFinds(kLostWakeUp, scenario, {MutationKind::kLoadsZero, Part::kRoomWake}, kSeedsMax);
    CheckFinds(kLostWakeUp, scenario, {MutationKind::kStoreOrder, Part::kRoomWake, kRelease},
               kSeedsMax);
    CheckFinds(kLostWakeUp, scenario, {MutationKind::kLoadOrder, Part::kRoomWake, kAcquire},
               kSeedsMax);
  }
}

TEST_CASE("finds no fault when the ring never grows") {
  for (const std::string_view scenario : kAll) {
    CAPTURE(scenario);
    CheckHolds(scenario, {MutationKind::kLoadsZero, Part::kAccepted}, kHoldsSeeds);
    CheckHolds(scenario, {MutationKind::kNoStore, Part::kAccepted}, kHoldsSeeds);
  }
}

}  // namespace shmwire::explore

TEST_SUITE_END();
