// A peer that maps a segment during its creation: its header is complete when it has the magic.

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "core/segment.h"
#include "test/explore/explorer.h"

TEST_SUITE_BEGIN("opening_test");

namespace shmwire::explore {
namespace {

// The seeds are fixed, so the result is too.
constexpr uint64_t kSeedsMax = 5'000;
constexpr uint64_t kSteps = 40;

// Returns when the header was complete.
void MapWhenComplete() {
  for (;;) {
    PeerSegment peer;
    const Status status = PeerSegment::Map({}, &peer);
    if (status.ok()) return;
    const std::string_view context = status.context();
    // Without the magic, or without memory.
    const bool too_early = status.code() == StatusCode::kUnavailable ||
                           context == "the peer's memory is not a shmwire segment";
    Expect(too_early, status.context());
    Explorer::Running()->YieldCpu();
  }
}

// The first fault, or an empty text.
std::string Explore(const Mutation& mutation) {
  Explorer explorer;
  for (uint64_t seed = 1; seed <= kSeedsMax; seed++) {
    OwnSegment own;
    const auto create = [&own] {
      const Status status = OwnSegment::Create(kRingBytesMin, &own);
      Expect(status.ok(), status.context());
    };
    const Outcome outcome =
        explorer.Run({create, MapWhenComplete}, Schedule(seed, 2, kSteps), mutation);
    if (!outcome.fault.empty()) return outcome.fault;
  }
  return "";
}

constexpr std::string_view kIncomplete = "the peer's segment";

}  // namespace

TEST_CASE("finds no incomplete header in the unchanged core") { CHECK(Explore({}) == ""); }

TEST_CASE("finds an incomplete header when the magic is stored relaxed") {
  const Mutation mutation = {MutationKind::kStoreOrder, Part::kMagic, std::memory_order_relaxed};
  CHECK(Explore(mutation).find(kIncomplete) == 0);
}

TEST_CASE("finds an incomplete header when the magic is loaded relaxed") {
  const Mutation mutation = {MutationKind::kLoadOrder, Part::kMagic, std::memory_order_relaxed};
  CHECK(Explore(mutation).find(kIncomplete) == 0);
}

}  // namespace shmwire::explore

TEST_SUITE_END();
