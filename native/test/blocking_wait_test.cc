// Waits that are interrupted. What ends a wait is in endpoint_test.cc and endpoint_process_test.cc.

#include "core/blocking_wait.h"

#include <atomic>
#include <thread>

#include "test/endpoint_support.h"

TEST_SUITE_BEGIN("blocking_wait_test");

namespace shmwire {

using test::kMessageBytesMax;
using test::kRingBytes;

TEST_CASE("a wait that is interrupted goes on without reading the ring") {
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

  // Published without a ring: a wake-up that was lost. The wait must not find it by the clock.
  const_cast<ControlBlock*>(pair.second.own().control())->tail.StoreSeqCst(kRecordHeaderBytes);
  REQUIRE(pair.first.ContinueWait(&outcome).ok());
  CHECK(outcome == WaitOutcome::kInterrupted);
  CHECK(word.LoadRelaxed() == armed);
}

TEST_CASE("a ring ends a wait that was interrupted, also a ring between two calls") {
  test::EndpointPair pair(kRingBytes, kMessageBytesMax);
  WaitOutcome outcome = WaitOutcome::kTimeout;
  REQUIRE(
      pair.first
          .Wait(
              {.for_data = true, .timeout_nanos = test::kNeverNanos, .interrupt_nanos = 1'000'000},
              &outcome)
          .ok());
  REQUIRE(outcome == WaitOutcome::kInterrupted);
  bool doorbell = false;
  bool wrote = false;
  uint64_t offset = 0;
  const test::Payload payload = test::MakePayload(1, 100);
  REQUIRE(pair.second.Write(1, 1, payload.data(), payload.size(), &offset, &wrote, &doorbell).ok());
  CHECK_FALSE(doorbell);
  REQUIRE(pair.first.ContinueWait(&outcome).ok());
  CHECK(outcome == WaitOutcome::kReady);
  CHECK(pair.first.ContinueWait(&outcome).code() == StatusCode::kInvalidArgument);
}

TEST_CASE("the time of a wait goes on while it is interrupted") {
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

TEST_CASE("a peer that rings without end keeps no wait from being interrupted") {
  test::EndpointPair pair(kRingBytes, kMessageBytesMax);
  std::atomic<bool> stop{false};
  std::thread ringer([&] {
    ControlBlock* control = pair.second.own().control();
    for (uint32_t signal = 1; !stop.load(std::memory_order_relaxed); signal++) {
      control->signal.StoreSeqCst(signal);
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
  ringer.join();
  CHECK(status.ok());
  CHECK(outcome == WaitOutcome::kInterrupted);
}

}  // namespace shmwire

TEST_SUITE_END();
