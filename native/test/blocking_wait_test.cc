// Waits that are interrupted. endpoint_test.cc and endpoint_process_test.cc test how waits end.

#include "core/blocking_wait.h"

#include <atomic>
#include <thread>

#include "test/endpoint_support.h"

TEST_SUITE_BEGIN("blocking_wait_test");

namespace shmwire {

using test::kMessageBytesMax;
using test::kRingBytes;

TEST_CASE("continues an interrupted wait without polling the ring") {
  test::EndpointPair pair(kRingBytes, kMessageBytesMax);
  constexpr WaitFor kWait = {
      .for_data = true, .timeout_nanos = test::kNeverNanos, .interrupt_nanos = 1'000'000};
  WaitOutcome outcome = WaitOutcome::kTimeout;
  REQUIRE(pair.first.Wait(kWait, &outcome).ok());
  CHECK(outcome == WaitOutcome::kInterrupted);
  const SharedWord<uint32_t>& word = pair.first.own().control()->data_wake;
  const uint32_t armed = word.LoadRelaxed();
  CHECK((armed & kWakeArmedBit) != 0);
  CHECK((armed & kWakeBlockedBit) != 0);

  // Published without a wake-up, as if it were lost. The wait must not find it by the clock.
  const_cast<ControlBlock*>(pair.second.own().control())->tail.StoreSeqCst(kRecordHeaderBytes);
  REQUIRE(pair.first.ContinueWait(&outcome).ok());
  CHECK(outcome == WaitOutcome::kInterrupted);
  CHECK(word.LoadRelaxed() == armed);
}

TEST_CASE("ends an interrupted wait by a wake-up, also between two calls") {
  test::EndpointPair pair(kRingBytes, kMessageBytesMax);
  WaitOutcome outcome = WaitOutcome::kTimeout;
  REQUIRE(
      pair.first
          .Wait(
              {.for_data = true, .timeout_nanos = test::kNeverNanos, .interrupt_nanos = 1'000'000},
              &outcome)
          .ok());
  REQUIRE(outcome == WaitOutcome::kInterrupted);
  bool needs_wake = false;
  bool wrote = false;
  uint64_t offset = 0;
  const test::Payload payload = test::MakePayload(1, 100);
  REQUIRE(
      pair.second.Write(1, 1, payload.data(), payload.size(), &offset, &wrote, &needs_wake).ok());
  CHECK_FALSE(needs_wake);
  REQUIRE(pair.first.ContinueWait(&outcome).ok());
  CHECK(outcome == WaitOutcome::kReady);
  CHECK(pair.first.ContinueWait(&outcome).code() == StatusCode::kInvalidArgument);
}

TEST_CASE("counts the time of a wait while it is interrupted") {
  test::EndpointPair pair(kRingBytes, kMessageBytesMax);
  WaitOutcome outcome = WaitOutcome::kTimeout;
  REQUIRE(pair.first
              .Wait({.for_data = true, .timeout_nanos = 20'000'000, .interrupt_nanos = 1'000'000},
                    &outcome)
              .ok());
  int interruptions = 0;
  for (; outcome == WaitOutcome::kInterrupted; interruptions++) {
    REQUIRE(pair.first.ContinueWait(&outcome).ok());
  }
  CHECK(outcome == WaitOutcome::kTimeout);
  CHECK(interruptions > 0);
}

TEST_CASE("interrupts a wait although the peer wakes it without end") {
  test::EndpointPair pair(kRingBytes, kMessageBytesMax);
  std::atomic<bool> stop{false};
  std::thread waker([&] {
    ControlBlock* control = pair.second.own().control();
    for (uint32_t sequence = 1; !stop.load(std::memory_order_relaxed); sequence++) {
      control->wake_sequence.StoreSeqCst(sequence);
    }
  });
  WaitOutcome outcome = WaitOutcome::kTimeout;
  Status status = pair.first.Wait(
      {.for_data = true, .timeout_nanos = test::kNeverNanos, .interrupt_nanos = 1'000'000},
      &outcome);
  for (int count = 0; count < 3 && outcome == WaitOutcome::kInterrupted; count++) {
    status = pair.first.ContinueWait(&outcome);
  }
  stop.store(true, std::memory_order_relaxed);
  waker.join();
  CHECK(status.ok());
  CHECK(outcome == WaitOutcome::kInterrupted);
}

}  // namespace shmwire

TEST_SUITE_END();
