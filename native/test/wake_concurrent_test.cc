// Races of the wake protocol: two threads, one at each end, at the same moment.

#include <functional>
#include <thread>

#include "core/cache_line.h"
#include "platform/process.h"
#include "test/concurrent_support.h"

TEST_SUITE_BEGIN("wake_concurrent_test");

namespace shmwire {
namespace {

using test::kInlineMax;
using test::kNeverNanos;
using test::kRingBytes;
using test::OnCore;
using test::PrintedSeed;
using test::RunBoth;
using test::Verdict;

// ThreadSanitizer searches for other faults, and is too slow to provoke these races.
#if defined(__SANITIZE_THREAD__)
constexpr int kSlowdown = 10;
#else
constexpr int kSlowdown = 1;
#endif

// Runs `first` and `second` many times at the same moment, and `after` alone in between.
class Race {
 public:
  void Run(int rounds, uint64_t seed, const std::function<void()>& first,
           const std::function<void()>& second, const std::function<bool()>& after) {
    std::thread other([&] {
      const OnCore second_core(1);
      test::Random random(seed);
      for (uint32_t round = 1;; round++) {
        AwaitRound(begun_, round);
        if (over_.LoadSeqCst() != 0) return;
        for (uint64_t pause = random.Below(8); pause > 0; pause--) PauseCpu();
        second();
        ended_.StoreSeqCst(round);
      }
    });
    const OnCore first_core(0);
    test::Random random(seed + 1);
    bool good = true;
    uint32_t round = 1;
    for (; good && round <= static_cast<uint32_t>(rounds); round++) {
      begun_.StoreSeqCst(round);
      for (uint64_t pause = random.Below(8); pause > 0; pause--) PauseCpu();
      first();
      AwaitRound(ended_, round);
      good = after();
    }
    over_.StoreSeqCst(1);
    begun_.StoreSeqCst(round);
    other.join();
    CHECK(good);
  }

 private:
  // Spins, so that both begin at once, and yields, because both may be on one core.
  static void AwaitRound(const SharedWord<uint32_t>& word, uint32_t round) {
    constexpr int kSpinsPerYield = 1000;
    for (int spin = 1; word.LoadSeqCst() < round; spin++) {
      PauseCpu();
      if (spin % kSpinsPerYield == 0) platform::YieldCpu();
    }
  }

  SharedWord<uint32_t> begun_{};
  SharedWord<uint32_t> ended_{};
  SharedWord<uint32_t> over_{};
};

constexpr int kRaces = 200000 / kSlowdown;

}  // namespace

TEST_CASE("loses no wake-up in many short round trips") {
  const uint64_t seed = PrintedSeed();
  constexpr int kRounds = 20000 / kSlowdown;
  test::EndpointPair pair;
  const auto side = [&](Endpoint* endpoint, bool begins, uint64_t side_seed, Verdict* verdict) {
    test::Collector collector(endpoint);
    test::Random random(side_seed);
    bool needs_wake = false;
    // Even turns write and odd ones read. The side that does not begin is one turn later.
    const int start = begins ? 0 : 1;
    for (int turn = start; turn < start + 2 * kRounds && verdict->fault == nullptr; turn++) {
      if (turn % 2 == 0) {
        // A short, random pause shifts the write against the arming of the other side.
        for (uint64_t pause = random.Below(64); pause > 0; pause--) PauseCpu();
        verdict->Expect(test::WriteOne(endpoint, test::Payload(8)).wrote, "no room");
        continue;
      }
      int received = 0;
      while (received == 0 && verdict->fault == nullptr) {
        WaitOutcome outcome = WaitOutcome::kTimeout;
        Status status = endpoint->Wait({.for_data = true, .timeout_nanos = kNeverNanos}, &outcome);
        verdict->Expect(status.ok() && outcome == WaitOutcome::kReady, "lost: data");
        collector.Collect([&](uint32_t, const std::byte*, uint64_t) { received++; }, &needs_wake);
      }
    }
  };
  RunBoth([&](Verdict* verdict) { side(&pair.first, true, seed, verdict); },
          [&](Verdict* verdict) { side(&pair.second, false, seed + 1, verdict); });
}

TEST_CASE("loses no wake-up between the arming and the sleep") {
  // The other side never sleeps, so its answers arrive while this side falls asleep.
  const uint64_t seed = PrintedSeed();
  constexpr int kRounds = 30000 / kSlowdown;
  test::EndpointPair pair;
  RunBoth(
      [&](Verdict* verdict) {
        test::Collector collector(&pair.first);
        bool needs_wake = false;
        for (int round = 0; round < kRounds && verdict->fault == nullptr; round++) {
          verdict->Expect(test::WriteOne(&pair.first, {}).wrote, "no room");
          WaitOutcome outcome = WaitOutcome::kTimeout;
          Status status =
              pair.first.Wait({.for_data = true, .timeout_nanos = kNeverNanos}, &outcome);
          verdict->Expect(status.ok() && outcome == WaitOutcome::kReady, "lost: data");
          collector.Collect([](uint32_t, const std::byte*, uint64_t) {}, &needs_wake);
        }
        pair.first.AnnounceClosed();
      },
      [&](Verdict* verdict) {
        test::Collector collector(&pair.second);
        test::Random random(seed);
        bool needs_wake = false;
        const SharedWord<uint32_t>& state = pair.first.own().control()->state;
        while (state.LoadSeqCst() == 0 && verdict->fault == nullptr) {
          if (!collector.Collect([](uint32_t, const std::byte*, uint64_t) {}, &needs_wake)) {
            continue;
          }
          for (uint64_t pause = random.Below(64); pause > 0; pause--) PauseCpu();
          verdict->Expect(test::WriteOne(&pair.second, {}).wrote, "no room");
        }
      });
}

// The allowed outcomes of SYNC(wake.arm): the sleeper sees the position, the waker sees the armed
// word, or both. Never neither.

TEST_CASE("shows a message to a reader that arms, or wakes the reader") {
  test::EndpointPair pair;
  test::Collector collector(&pair.first);
  bool has_data = false;
  bool needs_wake = false;
  Race().Run(
      kRaces, PrintedSeed(), [&] { (void)pair.first.ArmForData(&has_data); },
      [&] { needs_wake = test::WriteOne(&pair.second, {}).needs_wake; },
      [&] {
        bool ignored = false;
        size_t count = 0;
        collector.Collect([&](uint32_t, const std::byte*, uint64_t) { count++; }, &ignored);
        return count == 1 && (has_data || needs_wake) && pair.first.DisarmForData().ok();
      });
}

TEST_CASE("shows freed room to a writer that arms, or wakes the writer") {
  // Below the endpoint, so that only the four accesses race.
  test::RingPair ring;
  SharedWord<uint32_t> word{};
  Sleeper sleeper(&word);
  Waker waker(&word);
  const test::Payload payload(kInlineMax);
  test::Payload target(2 * kInlineMax);
  MessageDescriptor descriptors[2];
  bool has_room = false;
  bool woken = false;
  // A full ring of which a quarter was read and not released.
  const auto prepare = [&] {
    while (test::WriteAll(&ring.writer, 1, 0, payload)) {
    }
    Batch batch = {.target = target.data(),
                   .target_bytes = target.size(),
                   .offset = 0,
                   .descriptors = descriptors,
                   .descriptors_max = 2};
    bool more = false;
    return ring.reader.Poll().ok() && ring.reader.Receive(&batch, &more).ok() && batch.count == 2;
  };
  REQUIRE(prepare());
  Race().Run(
      kRaces, PrintedSeed(),
      [&] {
        sleeper.Arm(SleepMode::kEventLoop);
        (void)ring.writer.HasRoom(kInlineMax, &has_room);
      },
      [&] { woken = ring.reader.Release() && waker.Check() != WakeAction::kNone; },
      [&] {
        sleeper.Disarm();
        return (has_room || woken) && prepare();
      });
}

}  // namespace shmwire

TEST_SUITE_END();
