// Two threads, one at each end, over one pair of mappings. What ThreadSanitizer is for.

#include <sched.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "core/cache_line.h"
#include "platform/process.h"
#include "test/endpoint_support.h"

TEST_SUITE_BEGIN("endpoint_concurrent_test");

namespace shmwire {
namespace {

using test::kInlineMax;
using test::kNeverNanos;
using test::kRingBytes;

constexpr uint64_t kMessageBytesMax = 3 * kRingBytes;

// doctest's assertions are not for several threads: each keeps its own verdict.
struct Verdict {
  const char* fault = nullptr;
  void Expect(bool held, const char* what) {
    if (!held && fault == nullptr) fault = what;
  }
};

// The sizes of a stream of messages: mostly small, some at the edges, some in fragments.
uint64_t SizeOf(uint64_t seed, uint64_t index) {
  test::Random random(seed * 31 + index * 7919 + 1);
  random.Next();
  switch (random.Below(16)) {
    case 0:
      return kInlineMax - 1 + random.Below(3);
    case 1:
      return random.Below(kMessageBytesMax);
    case 2:
      return random.Below(kInlineMax);
    default:
      return random.Below(200);
  }
}

// Writes the messages of a stream one after the other, as room comes.
class Source {
 public:
  Source(Endpoint* endpoint, uint64_t seed, uint64_t count)
      : endpoint_(endpoint), seed_(seed), count_(count) {
    Next();
  }

  [[nodiscard]] bool done() const { return index_ == count_; }
  [[nodiscard]] uint64_t missing_bytes() const { return payload_.size() - offset_; }

  // False when there was no room.
  bool Step(Verdict* verdict, bool* doorbell) {
    bool wrote = false;
    bool rings = false;
    Status status = endpoint_->Write(1, static_cast<uint32_t>(index_), payload_.data(),
                                     payload_.size(), &offset_, &wrote, &rings);
    verdict->Expect(status.ok(), status.context());
    *doorbell = *doorbell || rings;
    if (wrote && offset_ == payload_.size()) {
      index_++;
      Next();
    }
    return wrote;
  }

 private:
  void Next() {
    if (done()) return;
    payload_ = test::MakePayload(seed_ + index_, SizeOf(seed_, index_));
    offset_ = 0;
  }

  Endpoint* endpoint_;
  uint64_t seed_;
  uint64_t count_;
  uint64_t index_ = 0;
  uint64_t offset_ = 0;
  test::Payload payload_;
};

// Reads a stream and compares it.
class Drain {
 public:
  Drain(Endpoint* endpoint, uint64_t seed, uint64_t count)
      : collector_(endpoint), seed_(seed), count_(count) {}

  [[nodiscard]] bool done() const { return index_ == count_; }

  // False when there was nothing.
  bool Step(Verdict* verdict, bool* doorbell) {
    const bool found = collector_.Collect(
        [&](uint32_t id, const std::byte* data, uint64_t bytes) {
          const test::Payload expected = test::MakePayload(seed_ + index_, SizeOf(seed_, index_));
          verdict->Expect(id == index_, "a message is out of order");
          verdict->Expect(bytes == expected.size() &&
                              (bytes == 0 || std::memcmp(data, expected.data(), bytes) == 0),
                          "a message differs");
          index_++;
        },
        doorbell);
    verdict->Expect(collector_.status().ok(), collector_.status().context());
    return found;
  }

 private:
  test::Collector collector_;
  uint64_t seed_;
  uint64_t count_;
  uint64_t index_ = 0;
};

// The socket's doorbell and an event loop that sleeps on it.
class Doorbell {
 public:
  void Ring() {
    const std::lock_guard lock(mutex_);
    rung_ = true;
    condition_.notify_one();
  }
  // False when nobody rang: a lost wake-up.
  bool Wait() {
    std::unique_lock lock(mutex_);
    const bool rung = condition_.wait_for(lock, std::chrono::nanoseconds(kNeverNanos),
                                          [this] { return rung_; });
    rung_ = false;
    return rung;
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool rung_ = false;
};

// Keeps the calling thread on the nth core that it may use, as long as it lives: a race of two threads that
// share a core is none, and schedulers like to put those who wake each other on one.
class OnCore {
 public:
  explicit OnCore(int nth) {
    cpu_set_t one;
    CPU_ZERO(&one);
    sched_getaffinity(0, sizeof(allowed_), &allowed_);
    const int wanted = nth % CPU_COUNT(&allowed_);
    for (int core = 0, found = 0; core < CPU_SETSIZE; core++) {
      if (CPU_ISSET(core, &allowed_) && found++ == wanted) CPU_SET(core, &one);
    }
    sched_setaffinity(0, sizeof(one), &one);
  }
  ~OnCore() { sched_setaffinity(0, sizeof(allowed_), &allowed_); }
  OnCore(const OnCore&) = delete;
  OnCore& operator=(const OnCore&) = delete;

 private:
  cpu_set_t allowed_;
};

void RunBoth(const std::function<void(Verdict*)>& first, const std::function<void(Verdict*)>& second) {
  Verdict first_verdict;
  Verdict second_verdict;
  std::thread first_thread([&] {
    const OnCore core(0);
    first(&first_verdict);
  });
  std::thread second_thread([&] {
    const OnCore core(1);
    second(&second_verdict);
  });
  first_thread.join();
  second_thread.join();
  for (const Verdict& verdict : {first_verdict, second_verdict}) {
    INFO(verdict.fault);
    CHECK(verdict.fault == nullptr);
  }
}

uint64_t PrintedSeed() {
  const uint64_t seed = test::Seed();
  MESSAGE("SHMWIRE_TEST_SEED=", seed);
  return seed;
}

}  // namespace

TEST_CASE("a stream arrives whole and in order, both sides spinning") {
  const uint64_t seed = PrintedSeed();
  constexpr uint64_t kCount = 5000;
  test::EndpointPair pair(kRingBytes, kMessageBytesMax);
  bool ignored = false;
  bool also_ignored = false;
  RunBoth(
      [&](Verdict* verdict) {
        Source source(&pair.first, seed, kCount);
        while (!source.done() && verdict->fault == nullptr) {
          if (!source.Step(verdict, &ignored)) platform::YieldCpu();
        }
      },
      [&](Verdict* verdict) {
        Drain drain(&pair.second, seed, kCount);
        while (!drain.done() && verdict->fault == nullptr) {
          if (!drain.Step(verdict, &also_ignored)) platform::YieldCpu();
        }
      });
}

TEST_CASE("a stream arrives whole and in order, both sides blocking") {
  const uint64_t seed = PrintedSeed();
  constexpr uint64_t kCount = 5000;
  test::EndpointPair pair(kRingBytes, kMessageBytesMax);
  RunBoth(
      [&](Verdict* verdict) {
        Source source(&pair.first, seed, kCount);
        bool doorbell = false;
        while (!source.done() && verdict->fault == nullptr) {
          if (source.Step(verdict, &doorbell)) continue;
          WaitOutcome outcome = WaitOutcome::kTimeout;
          Status status = pair.first.WaitForRoom(source.missing_bytes(), kNeverNanos, &outcome);
          verdict->Expect(status.ok() && outcome == WaitOutcome::kReady, "lost: room");
        }
        verdict->Expect(!doorbell, "a doorbell for a blocked sleeper");
      },
      [&](Verdict* verdict) {
        Drain drain(&pair.second, seed, kCount);
        bool doorbell = false;
        while (!drain.done() && verdict->fault == nullptr) {
          if (drain.Step(verdict, &doorbell)) continue;
          WaitOutcome outcome = WaitOutcome::kTimeout;
          Status status = pair.second.WaitForData(kNeverNanos, &outcome);
          verdict->Expect(status.ok() && outcome == WaitOutcome::kReady, "lost: data");
        }
        verdict->Expect(!doorbell, "a doorbell for a blocked sleeper");
      });
}

TEST_CASE("a stream arrives whole and in order, both sides sleeping in event loops") {
  const uint64_t seed = PrintedSeed();
  constexpr uint64_t kCount = 5000;
  test::EndpointPair pair(kRingBytes, kMessageBytesMax);
  Doorbell first_doorbell;
  Doorbell second_doorbell;
  RunBoth(
      [&](Verdict* verdict) {
        Source source(&pair.first, seed, kCount);
        while (!source.done() && verdict->fault == nullptr) {
          bool doorbell = false;
          const bool wrote = source.Step(verdict, &doorbell);
          if (doorbell) second_doorbell.Ring();
          bool has_room = wrote;
          if (!wrote) {
            verdict->Expect(pair.first.ArmForRoom(source.missing_bytes(), &has_room).ok(), "arm");
          }
          if (!has_room) verdict->Expect(first_doorbell.Wait(), "lost: room");
        }
      },
      [&](Verdict* verdict) {
        Drain drain(&pair.second, seed, kCount);
        while (!drain.done() && verdict->fault == nullptr) {
          bool doorbell = false;
          bool has_data = drain.Step(verdict, &doorbell);
          if (doorbell) first_doorbell.Ring();
          if (!has_data) verdict->Expect(pair.second.ArmForData(&has_data).ok(), "arm");
          if (!has_data) verdict->Expect(second_doorbell.Wait(), "lost: data");
        }
      });
}

TEST_CASE("streams in both directions at once arrive whole and in order") {
  const uint64_t seed = PrintedSeed();
  constexpr uint64_t kCount = 3000;
  test::EndpointPair pair(kRingBytes, kMessageBytesMax);
  // Who is stuck on both sides waits for data or for room, as it happens, for a moment: each wait alone could
  // be for what never comes.
  constexpr uint64_t kMomentNanos = 1'000'000;
  const auto side = [&](Endpoint* endpoint, uint64_t out_seed, uint64_t in_seed, Verdict* verdict) {
    Source source(endpoint, out_seed, kCount);
    Drain drain(endpoint, in_seed, kCount);
    test::Random random(out_seed);
    bool doorbell = false;
    while (!(source.done() && drain.done()) && verdict->fault == nullptr) {
      const bool wrote = !source.done() && source.Step(verdict, &doorbell);
      const bool read = !drain.done() && drain.Step(verdict, &doorbell);
      if (wrote || read) continue;
      WaitOutcome outcome = WaitOutcome::kTimeout;
      const bool for_data = source.done() || (!drain.done() && random.Below(2) == 0);
      Status status = for_data
                          ? endpoint->WaitForData(kMomentNanos, &outcome)
                          : endpoint->WaitForRoom(source.missing_bytes(), kMomentNanos, &outcome);
      verdict->Expect(status.ok(), status.context());
    }
  };
  RunBoth([&](Verdict* verdict) { side(&pair.first, seed, seed + 1, verdict); },
          [&](Verdict* verdict) { side(&pair.second, seed + 1, seed, verdict); });
}

TEST_CASE("no wake-up is lost in many short round trips") {
  const uint64_t seed = PrintedSeed();
  constexpr int kRounds = 20000;
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
        Status status = endpoint->WaitForData(kNeverNanos, &outcome);
        verdict->Expect(status.ok() && outcome == WaitOutcome::kReady, "lost: data");
        collector.Collect([&](uint32_t, const std::byte*, uint64_t) { received++; }, &doorbell);
      }
    }
  };
  RunBoth([&](Verdict* verdict) { side(&pair.first, true, seed, verdict); },
          [&](Verdict* verdict) { side(&pair.second, false, seed + 1, verdict); });
}

TEST_CASE("no ring is lost between the arming and the sleep") {
  // The other side never sleeps, so that its answers fall into the moments in which this one falls asleep.
  const uint64_t seed = PrintedSeed();
  constexpr int kRounds = 100000;
  test::EndpointPair pair;
  RunBoth(
      [&](Verdict* verdict) {
        test::Collector collector(&pair.first);
        bool doorbell = false;
        for (int round = 0; round < kRounds && verdict->fault == nullptr; round++) {
          verdict->Expect(test::WriteOne(&pair.first, {}).wrote, "no room");
          WaitOutcome outcome = WaitOutcome::kTimeout;
          Status status = pair.first.WaitForData(kNeverNanos, &outcome);
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

namespace {

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

constexpr int kRaces = 100000;

}  // namespace

// The allowed outcomes of SYNC(wake.arm): the sleeper sees, the waker rings, or both. Never neither.

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
  test::EndpointPair pair;
  const test::Payload payload(kInlineMax);
  const auto fill = [&] {
    while (test::WriteOne(&pair.first, payload).wrote) {
    }
  };
  test::Payload target(2 * kRingBytes);
  MessageDescriptor descriptors[8];
  bool has_room = false;
  bool doorbell = false;
  fill();
  Race().Run(
      kRaces / 10, PrintedSeed(), [&] { (void)pair.first.ArmForRoom(kInlineMax, &has_room); },
      [&] {
        Batch batch = {.target = target.data(),
                       .target_bytes = target.size(),
                       .offset = 0,
                       .descriptors = descriptors,
                       .descriptors_max = 2};
        (void)pair.second.Receive(&batch, 0, false, &doorbell);
      },
      [&] {
        fill();
        return (has_room || doorbell) && pair.first.DisarmForRoom().ok();
      });
}

TEST_CASE("a close wakes a blocked reader and a blocked writer") {
  for (int round = 0; round < 50; round++) {
    test::EndpointPair pair;
    while (test::WriteOne(&pair.first, test::Payload(kInlineMax)).wrote) {
    }
    const bool for_room = round % 2 == 0;
    RunBoth(
        [&](Verdict* verdict) {
          WaitOutcome outcome = WaitOutcome::kTimeout;
          Status status = for_room ? pair.first.WaitForRoom(kInlineMax, kNeverNanos, &outcome)
                                   : pair.first.WaitForData(kNeverNanos, &outcome);
          verdict->Expect(status.ok(), status.context());
          verdict->Expect(outcome == WaitOutcome::kClosed, "lost: close");
        },
        [&](Verdict*) {
          if (round % 4 < 2) std::this_thread::sleep_for(std::chrono::milliseconds(2));
          pair.second.AnnounceClosed();
        });
  }
}

TEST_CASE("a close that unmaps leaves the peer's own mapping alone") {
  for (int round = 0; round < 20; round++) {
    test::HandedOverPair pair;
    RunBoth(
        [&](Verdict* verdict) {
          WaitOutcome outcome = WaitOutcome::kTimeout;
          Status status = pair.server.WaitForData(kNeverNanos, &outcome);
          verdict->Expect(status.ok() && outcome == WaitOutcome::kClosed, "lost: close");
        },
        [&](Verdict*) { pair.client.Close(); });
  }
}

}  // namespace shmwire

TEST_SUITE_END();
