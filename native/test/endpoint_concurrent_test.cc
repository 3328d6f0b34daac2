// Two threads, one at each end, over one pair of mappings: for ThreadSanitizer.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "platform/doorbell.h"
#include "platform/process.h"
#include "test/concurrent_support.h"

TEST_SUITE_BEGIN("endpoint_concurrent_test");

namespace shmwire {
namespace {

using test::kInlineMax;
using test::kNeverNanos;
using test::kRingBytes;
using test::PrintedSeed;
using test::RunBoth;
using test::Verdict;

constexpr uint64_t kMessageBytesMax = 3 * kRingBytes;

// The lengths of a stream of messages: mostly small, some near the bounds, some in fragments.
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

// Writes the messages of a stream as far as there is room.
class Source {
 public:
  Source(Endpoint* endpoint, uint64_t seed, uint64_t count)
      : endpoint_(endpoint), seed_(seed), count_(count) {
    Next();
  }

  [[nodiscard]] bool done() const { return index_ == count_; }
  [[nodiscard]] uint64_t missing_bytes() const { return payload_.size() - offset_; }

  // False: there was no room.
  bool Step(Verdict* verdict, bool* needs_wake) {
    bool wrote = false;
    bool needed = false;
    Status status = endpoint_->Write(1, static_cast<uint32_t>(index_), payload_.data(),
                                     payload_.size(), &offset_, &wrote, &needed);
    verdict->Expect(status.ok(), status.context());
    *needs_wake = *needs_wake || needed;
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

// Reads a stream and compares it with the expected one.
class Drain {
 public:
  Drain(Endpoint* endpoint, uint64_t seed, uint64_t count)
      : collector_(endpoint), seed_(seed), count_(count) {}

  [[nodiscard]] bool done() const { return index_ == count_; }

  // False: there was no data.
  bool Step(Verdict* verdict, bool* needs_wake) {
    const bool found = collector_.Collect(
        [&](uint32_t id, const std::byte* data, uint64_t bytes) {
          const test::Payload expected = test::MakePayload(seed_ + index_, SizeOf(seed_, index_));
          verdict->Expect(id == index_, "a message is out of order");
          verdict->Expect(bytes == expected.size() &&
                              (bytes == 0 || std::memcmp(data, expected.data(), bytes) == 0),
                          "a message differs");
          index_++;
        },
        needs_wake);
    verdict->Expect(collector_.status().ok(), collector_.status().context());
    return found;
  }

 private:
  test::Collector collector_;
  uint64_t seed_;
  uint64_t count_;
  uint64_t index_ = 0;
};

// A doorbell, and the event loop that sleeps on it.
class Doorbell {
 public:
  void Wake() {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    condition_.notify_one();
  }
  // False: no wake-up arrived, so one was lost.
  bool Wait() {
    std::unique_lock lock(mutex_);
    const bool woken =
        condition_.wait_for(lock, std::chrono::nanoseconds(kNeverNanos), [this] { return woken_; });
    woken_ = false;
    return woken;
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;
};

}  // namespace

TEST_CASE("delivers a stream whole and in order while both sides spin") {
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

TEST_CASE("delivers a stream whole and in order while both sides block") {
  const uint64_t seed = PrintedSeed();
  constexpr uint64_t kCount = 5000;
  test::EndpointPair pair(kRingBytes, kMessageBytesMax);
  RunBoth(
      [&](Verdict* verdict) {
        Source source(&pair.first, seed, kCount);
        bool needs_wake = false;
        while (!source.done() && verdict->fault == nullptr) {
          if (source.Step(verdict, &needs_wake)) continue;
          WaitOutcome outcome = WaitOutcome::kTimeout;
          Status status = pair.first.Wait(
              {.room_length = source.missing_bytes(), .timeout_nanos = kNeverNanos}, &outcome);
          verdict->Expect(status.ok() && outcome == WaitOutcome::kReady, "lost: room");
        }
        verdict->Expect(!needs_wake, "a doorbell for a blocked sleeper");
      },
      [&](Verdict* verdict) {
        Drain drain(&pair.second, seed, kCount);
        bool needs_wake = false;
        while (!drain.done() && verdict->fault == nullptr) {
          if (drain.Step(verdict, &needs_wake)) continue;
          WaitOutcome outcome = WaitOutcome::kTimeout;
          Status status =
              pair.second.Wait({.for_data = true, .timeout_nanos = kNeverNanos}, &outcome);
          verdict->Expect(status.ok() && outcome == WaitOutcome::kReady, "lost: data");
        }
        verdict->Expect(!needs_wake, "a doorbell for a blocked sleeper");
      });
}

TEST_CASE("delivers a stream whole and in order while both sides sleep in event loops") {
  const uint64_t seed = PrintedSeed();
  constexpr uint64_t kCount = 5000;
  test::EndpointPair pair(kRingBytes, kMessageBytesMax);
  Doorbell first_doorbell;
  Doorbell second_doorbell;
  RunBoth(
      [&](Verdict* verdict) {
        Source source(&pair.first, seed, kCount);
        while (!source.done() && verdict->fault == nullptr) {
          bool needs_wake = false;
          const bool wrote = source.Step(verdict, &needs_wake);
          if (needs_wake) second_doorbell.Wake();
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
          bool needs_wake = false;
          bool has_data = drain.Step(verdict, &needs_wake);
          if (needs_wake) first_doorbell.Wake();
          if (!has_data) verdict->Expect(pair.second.ArmForData(&has_data).ok(), "arm");
          if (!has_data) verdict->Expect(second_doorbell.Wait(), "lost: data");
        }
      });
}

TEST_CASE("delivers streams in both directions at once, whole and in order") {
  const uint64_t seed = PrintedSeed();
  constexpr uint64_t kCount = 3000;
  test::EndpointPair pair(kRingBytes, kMessageBytesMax);
  // A side that can neither write nor read waits for data or for room, chosen at random, for a
  // moment: either one alone may never come.
  constexpr uint64_t kMomentNanos = 1'000'000;
  const auto side = [&](Endpoint* endpoint, uint64_t out_seed, uint64_t in_seed, Verdict* verdict) {
    Source source(endpoint, out_seed, kCount);
    Drain drain(endpoint, in_seed, kCount);
    test::Random random(out_seed);
    bool needs_wake = false;
    while (!(source.done() && drain.done()) && verdict->fault == nullptr) {
      const bool wrote = !source.done() && source.Step(verdict, &needs_wake);
      const bool read = !drain.done() && drain.Step(verdict, &needs_wake);
      if (wrote || read) continue;
      WaitOutcome outcome = WaitOutcome::kTimeout;
      const bool for_data = source.done() || (!drain.done() && random.Below(2) == 0);
      Status status =
          for_data ? endpoint->Wait({.for_data = true, .timeout_nanos = kMomentNanos}, &outcome)
                   : endpoint->Wait(
                         {.room_length = source.missing_bytes(), .timeout_nanos = kMomentNanos},
                         &outcome);
      verdict->Expect(status.ok(), status.context());
    }
  };
  RunBoth([&](Verdict* verdict) { side(&pair.first, seed, seed + 1, verdict); },
          [&](Verdict* verdict) { side(&pair.second, seed + 1, seed, verdict); });
}

TEST_CASE("wakes a blocked reader by a wake-up only, not by its check of the peer") {
  constexpr uint64_t kTimeoutNanos = 200'000'000;
  test::EndpointPair pair;
  platform::Handle control_socket;
  platform::Handle peers_end;
  REQUIRE(platform::MakeDoorbell(&control_socket, &peers_end).ok());
  // Publishes without a wake-up, as if it were lost.
  RingWriter writer(pair.second.own(), PeerSegment::Borrow(pair.first.own()));
  const test::Payload payload = test::MakePayload(1, 100);
  std::thread publisher([&] {
    while ((pair.first.own().control()->data_wake.LoadSeqCst() & kWakeArmedBit) == 0) {
      std::this_thread::yield();
    }
    uint64_t offset = 0;
    bool advanced = false;
    (void)writer.WriteNext(1, 1, payload.data(), payload.size(), &offset, &advanced);
    writer.Publish();
  });
  WaitOutcome outcome = WaitOutcome::kTimeout;
  const uint64_t start = platform::MonotonicNanos();
  const Status status = pair.first.Wait(
      {.for_data = true, .timeout_nanos = kTimeoutNanos, .control_socket = control_socket.native()},
      &outcome);
  const uint64_t nanos = platform::MonotonicNanos() - start;
  publisher.join();
  CHECK(status.ok());
  // Only the timeout may end the wait, with a last poll.
  CHECK(nanos >= kTimeoutNanos);
  CHECK(outcome == WaitOutcome::kReady);
}

TEST_CASE("wakes a blocked reader and a blocked writer by a close") {
  for (int round = 0; round < 50; round++) {
    test::EndpointPair pair;
    while (test::WriteOne(&pair.first, test::Payload(kInlineMax)).wrote) {
    }
    const bool for_room = round % 2 == 0;
    RunBoth(
        [&](Verdict* verdict) {
          WaitOutcome outcome = WaitOutcome::kTimeout;
          Status status =
              for_room
                  ? pair.first.Wait({.room_length = kInlineMax, .timeout_nanos = kNeverNanos},
                                    &outcome)
                  : pair.first.Wait({.for_data = true, .timeout_nanos = kNeverNanos}, &outcome);
          verdict->Expect(status.ok(), status.context());
          verdict->Expect(outcome == WaitOutcome::kClosed, "lost: close");
        },
        [&](Verdict*) {
          if (round % 4 < 2) std::this_thread::sleep_for(std::chrono::milliseconds(2));
          pair.second.AnnounceClosed();
        });
  }
}

TEST_CASE("keeps the peer's own mapping when a close unmaps") {
  for (int round = 0; round < 20; round++) {
    test::HandedOverPair pair;
    RunBoth(
        [&](Verdict* verdict) {
          WaitOutcome outcome = WaitOutcome::kTimeout;
          Status status =
              pair.server.Wait({.for_data = true, .timeout_nanos = kNeverNanos}, &outcome);
          verdict->Expect(status.ok() && outcome == WaitOutcome::kClosed, "lost: close");
        },
        [&](Verdict*) { pair.client.Close(); });
  }
}

}  // namespace shmwire

TEST_SUITE_END();
