#include "core/spin_wait.h"

#include "test/support.h"

TEST_SUITE_BEGIN("spin_wait_test");

namespace shmwire {
namespace {

constexpr uint64_t kNanosPerMs = 1'000'000;

// How long a poll of `wait` takes.
uint64_t PollNanos(SpinWait<RingReader>* wait, SpinOptions options) {
  const uint64_t start = platform::MonotonicNanos();
  REQUIRE(wait->PollForData(options).ok());
  return platform::MonotonicNanos() - start;
}

}  // namespace

TEST_CASE("spins at least as long as the two system calls that follow") {
  test::RingPair ring;
  SpinWait<RingReader> wait(&ring.reader, 10 * kNanosPerMs);
  CHECK(PollNanos(&wait, {.spin_nanos = 1}) >= 20 * kNanosPerMs);
  CHECK_FALSE(ring.reader.has_data());
}

TEST_CASE("spins at least as long as the caller wants") {
  test::RingPair ring;
  SpinWait<RingReader> wait(&ring.reader);
  CHECK(PollNanos(&wait, {.spin_nanos = 20 * kNanosPerMs}) >= 20 * kNanosPerMs);
}

TEST_CASE("polls an empty ring once if the caller wants no spin") {
  test::RingPair ring;
  SpinWait<RingReader> wait(&ring.reader, 30'000 * kNanosPerMs);
  CHECK(PollNanos(&wait, {.spin_nanos = 0, .yield_cpu = true}) < 60'000 * kNanosPerMs);
}

TEST_CASE("does not spin when there is data") {
  test::RingPair ring;
  SpinWait<RingReader> wait(&ring.reader, 30'000 * kNanosPerMs);
  REQUIRE(test::WriteAll(&ring.writer, 3, 1, test::MakePayload(1, 100)));
  CHECK(PollNanos(&wait, {.spin_nanos = 1}) < 60'000 * kNanosPerMs);
  CHECK(ring.reader.has_data());
}

}  // namespace shmwire

TEST_SUITE_END();
