// The races of the wake protocol: two threads, each at its end, at the same moment.

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

// ThreadSanitizer looks for another kind of fault, and its slowness leaves no race to win.
#if defined(__SANITIZE_THREAD__)
constexpr int kSlowdown = 10;
#else
constexpr int kSlowdown = 1;
#endif

// Runs `first` and `second` at the same moment, many times over, with `after` alone in between.
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
  // Spins, so that both begin at once; but two threads may have one core.
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

TEST_CASE("no wake-up is lost in many short round trips") {
  const uint64_t seed = PrintedSeed();
  constexpr int kRounds = 20000 / kSlowdown;
  test::EndpointPair pair;
  const auto side = [&](Endpoint* endpoint, bool begins, uint64_t side_seed, Verdict* verdict) {
    test::Collector collector(endpoint);
    test::Random random(side_seed);
    bool doorbell = false;
    // Turns are even to write and odd to read; who does not begin is one turn later.
    const int start = begins ? 0 : 1;
    for (int turn = start; turn < start + 2 * kRounds && verdict->fault == nullptr; turn++) {
      if (turn % 2 == 0) {
        // A short, random pause moves the writing against the other side's arming.
        for (uint64_t pause = random.Below(64); pause > 0; pause--) PauseCpu();
        verdict->Expect(test::WriteOne(endpoint, test::Payload(8)).wrote, "no room");
        continue;
      }
      int received = 0;
      while (received == 0 && verdict->fault == nullptr) {
        WaitOutcome outcome = WaitOutcome::kTimeout;
        Status status = endpoint->Wait({.for_data = true, .timeout_nanos = kNeverNanos}, &outcome);
        verdict->Expect(status.ok() && outcome == WaitOutcome::kReady, "lost: data");
        collector.Collect([&](uint32_t, const std::byte*, uint64_t) { received++; }, &doorbell);
      }
    }
  };
  RunBoth([&](Verdict* verdict) { side(&pair.first, true, seed, verdict); },
          [&](Verdict* verdict) { side(&pair.second, false, seed + 1, verdict); });
}

TEST_CASE("no ring is lost between the arming and the sleep") {
  // The other side never sleeps, so that its answers fall into the moments in which this one falls
  // asleep.
  const uint64_t seed = PrintedSeed();
  constexpr int kRounds = 30000 / kSlowdown;
  test::EndpointPair pair;
  RunBoth(
      [&](Verdict* verdict) {
        test::Collector collector(&pair.first);
        bool doorbell = false;
        for (int round = 0; round < kRounds && verdict->fault == nullptr; round++) {
          verdict->Expect(test::WriteOne(&pair.first, {}).wrote, "no room");
          WaitOutcome outcome = WaitOutcome::kTimeout;
          Status status =
              pair.first.Wait({.for_data = true, .timeout_nanos = kNeverNanos}, &outcome);
          verdict->Expect(status.ok() && outcome == WaitOutcome::kReady, "lost: data");
          collector.Collect([](uint32_t, const std::byte*, uint64_t) {}, &doorbell);
        }
        pair.first.AnnounceClosed();
      },
      [&](Verdict* verdict) {
        test::Collector collector(&pair.second);
        test::Random random(seed);
        bool doorbell = false;
        const SharedWord<uint32_t>& state = pair.first.own().control()->state;
        while (state.LoadSeqCst() == 0 && verdict->fault == nullptr) {
          if (!collector.Collect([](uint32_t, const std::byte*, uint64_t) {}, &doorbell)) {
            continue;
          }
          for (uint64_t pause = random.Below(64); pause > 0; pause--) PauseCpu();
          verdict->Expect(test::WriteOne(&pair.second, {}).wrote, "no room");
        }
      });
}

// The allowed outcomes of SYNC(wake.arm): the sleeper sees, the waker rings, or both. Never
// neither.

TEST_CASE("a reader that arms while a message is written sees it or is rung") {
  test::EndpointPair pair;
  test::Collector collector(&pair.first);
  bool has_data = false;
  bool doorbell = false;
  Race().Run(
      kRaces, PrintedSeed(), [&] { (void)pair.first.ArmForData(&has_data); },
      [&] { doorbell = test::WriteOne(&pair.second, {}).doorbell; },
      [&] {
        bool ignored = false;
        size_t count = 0;
        collector.Collect([&](uint32_t, const std::byte*, uint64_t) { count++; }, &ignored);
        return count == 1 && (has_data || doorbell) && pair.first.DisarmForData().ok();
      });
}

TEST_CASE("a writer that arms while room is freed sees it or is rung") {
  // Below the endpoint, so that nothing but the four accesses is in the race.
  test::RingPair ring;
  SharedWord<uint32_t> word{};
  Sleeper sleeper(&word);
  Waker waker(&word);
  const test::Payload payload(kInlineMax);
  test::Payload target(2 * kInlineMax);
  MessageDescriptor descriptors[2];
  bool has_room = false;
  bool rung = false;
  // A full ring of which a quarter is read, but not yet released.
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
      [&] { rung = ring.reader.Release() && waker.Check() != Ring::kNone; },
      [&] {
        sleeper.Disarm();
        return (has_room || rung) && prepare();
      });
}

}  // namespace shmwire

TEST_SUITE_END();
