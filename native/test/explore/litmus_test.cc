// The simulated memory allows the outcomes that the orders of C++ allow on arm64, and no others.

#include <doctest/doctest.h>

#include "core/shared_word.h"
#include "test/explore/explorer.h"

TEST_SUITE_BEGIN("litmus_test");

namespace shmwire::explore {
namespace {

// The seeds are fixed, so the result is too.
constexpr uint64_t kSeedsMax = 5'000;

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

TEST_CASE("satisfies a load before an older relaxed load, but not before an acquire load") {
  Litmus words;
  const auto writes = [&] {
    words.first.StoreRelaxed(1);
    words.second.StoreRelease(1);
  };
  const auto late = [&] { return words.loaded[0] == 1 && words.loaded[1] == 0; };
  const auto relaxed = [&] {
    words.loaded[0] = words.second.LoadRelaxed();
    words.loaded[1] = words.first.LoadRelaxed();
  };
  const auto acquires = [&] {
    words.loaded[0] = words.second.LoadAcquire();
    words.loaded[1] = words.first.LoadRelaxed();
  };
  const auto acquires_late = [&] {
    words.loaded[0] = words.second.LoadRelaxed();
    words.loaded[1] = words.first.LoadSeqCst();
  };
  CHECK(words.CanEnd(writes, relaxed, late));
  CHECK_FALSE(words.CanEnd(writes, acquires, late));
  // It orders the loads after it, and not itself after the loads before it.
  CHECK(words.CanEnd(writes, acquires_late, late));
}

TEST_CASE("copies old bytes after a relaxed load, but not after an acquire load") {
  Litmus words;
  const auto writes = [&] {
    words.first.StoreRelaxed(1);
    words.second.StoreRelease(1);
  };
  const auto late = [&] { return words.loaded[0] == 1 && words.loaded[1] == 0; };
  const auto copies = [&](uint64_t published) {
    words.loaded[0] = published;
    SharedAccess::Copy(reinterpret_cast<std::byte*>(&words.loaded[1]),
                       reinterpret_cast<const std::byte*>(words.first.address()), sizeof(uint64_t));
  };
  CHECK(words.CanEnd(
      writes, [&] { copies(words.second.LoadRelaxed()); }, late));
  CHECK_FALSE(words.CanEnd(
      writes, [&] { copies(words.second.LoadAcquire()); }, late));
}

TEST_CASE("never returns an older value of a word than an earlier load or the own store") {
  Litmus words;
  const auto writes = [&] {
    words.first.StoreRelaxed(1);
    words.first.StoreRelaxed(2);
  };
  const auto reads = [&] {
    words.loaded[0] = words.first.LoadRelaxed();
    (void)words.second.LoadRelaxed();
    words.loaded[1] = words.first.LoadRelaxed();
  };
  CHECK_FALSE(words.CanEnd(writes, reads, [&] { return words.loaded[0] > words.loaded[1]; }));
  const auto reads_own = [&] {
    words.second.StoreRelaxed(1);
    words.loaded[0] = words.first.LoadRelaxed();
    words.loaded[1] = words.second.LoadRelaxed();
  };
  CHECK_FALSE(words.CanEnd(writes, reads_own, [&] { return words.loaded[1] == 0; }));
}

TEST_CASE("orders all loads after a system call") {
  Litmus words;
  const auto writes = [&] {
    words.first.StoreRelaxed(1);
    words.second.StoreRelease(1);
  };
  const auto reads = [&] {
    words.loaded[0] = words.second.LoadRelaxed();
    Explorer::Running()->EnterSystem();
    words.loaded[1] = words.first.LoadRelaxed();
  };
  CHECK_FALSE(
      words.CanEnd(writes, reads, [&] { return words.loaded[0] == 1 && words.loaded[1] == 0; }));
}

TEST_CASE("orders stores by a release fence, and loads by an acquire fence") {
  Litmus words;
  const auto writes = [&] {
    words.first.StoreRelaxed(1);
    words.second.StoreRelaxed(1);
  };
  const auto writes_fenced = [&] {
    words.first.StoreRelaxed(1);
    SharedAccess::ReleaseFence();
    words.second.StoreRelaxed(1);
  };
  const auto reads = [&] {
    words.loaded[0] = words.second.LoadRelaxed();
    words.loaded[1] = words.first.LoadRelaxed();
  };
  const auto reads_fenced = [&] {
    words.loaded[0] = words.second.LoadRelaxed();
    SharedAccess::AcquireFence();
    words.loaded[1] = words.first.LoadRelaxed();
  };
  const auto reordered = [&] { return words.loaded[0] == 1 && words.loaded[1] == 0; };
  CHECK_FALSE(words.CanEnd(writes_fenced, reads_fenced, reordered));
  CHECK(words.CanEnd(writes_fenced, reads, reordered));
  CHECK(words.CanEnd(writes, reads_fenced, reordered));
}

TEST_CASE("lets a store pass a later load in spite of both fences") {
  Litmus words;
  const auto store_first = [&] {
    words.first.StoreRelaxed(1);
    SharedAccess::ReleaseFence();
    SharedAccess::AcquireFence();
    words.loaded[0] = words.second.LoadRelaxed();
  };
  const auto store_second = [&] {
    words.second.StoreRelaxed(1);
    SharedAccess::ReleaseFence();
    SharedAccess::AcquireFence();
    words.loaded[1] = words.first.LoadRelaxed();
  };
  CHECK(words.CanEnd(store_first, store_second,
                     [&] { return words.loaded[0] == 0 && words.loaded[1] == 0; }));
}

}  // namespace shmwire::explore

TEST_SUITE_END();
