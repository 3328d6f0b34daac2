// Two processes: one dies, and the other reads the rest of its data.

#include <sys/socket.h>
#include <sys/time.h>

#include <ctime>

#include "test/child.h"
#include "test/endpoint_support.h"

TEST_SUITE_BEGIN("endpoint_process_test");

namespace shmwire {
namespace {

using test::kNeverNanos;

constexpr uint64_t kSizeMax = 4 * test::kInlineMax;

uint64_t SizeOf(uint64_t index) { return test::Random(index + 1).Next() % kSizeMax; }

// Writes without end. Returns only on an error.
int WriteForever(Endpoint* endpoint) {
  for (uint64_t index = 0;; index++) {
    const test::Payload payload = test::MakePayload(index, SizeOf(index));
    uint64_t offset = 0;
    bool wrote = false;
    bool needs_wake = false;
    do {
      Status status = endpoint->Write(1, static_cast<uint32_t>(index), payload.data(),
                                      payload.size(), &offset, &wrote, &needs_wake);
      if (!status.ok()) return 1;
      WaitOutcome outcome = WaitOutcome::kReady;
      if (!wrote &&
          !endpoint
               ->Wait({.room_length = payload.size() - offset, .timeout_nanos = kNeverNanos},
                      &outcome)
               .ok()) {
        return 2;
      }
    } while (!wrote || offset < payload.size());
  }
}

}  // namespace

TEST_CASE("delivers only whole messages, in order, from a process killed during a stream") {
  const uint64_t seed = test::PrintedSeed();
  test::Random random(seed);
  for (int round = 0; round < 40; round++) {
    test::HandedOverPair pair;
    uint64_t index = 0;
    bool needs_wake = false;
    test::Collector collector(&pair.server);
    const auto collect = [&] {
      const bool found = collector.Collect(
          [&](uint32_t id, const std::byte* data, uint64_t bytes) {
            REQUIRE(id == static_cast<uint32_t>(index));
            const test::Payload expected = test::MakePayload(index, SizeOf(index));
            REQUIRE(bytes == expected.size());
            REQUIRE((bytes == 0 || std::memcmp(data, expected.data(), bytes) == 0));
            index++;
          },
          &needs_wake);
      REQUIRE(collector.status().ok());
      return found;
    };
    {
      // The parent never uses the client's end; the child never uses the server's.
      test::Child child([&] { return WriteForever(&pair.client); });
      WaitOutcome outcome = WaitOutcome::kTimeout;
      const uint64_t enough = random.Below(500);
      while (index < enough) {
        if (collect()) continue;
        REQUIRE(pair.server.Wait({.for_data = true, .timeout_nanos = kNeverNanos}, &outcome).ok());
        REQUIRE(outcome == WaitOutcome::kReady);
      }
      const timespec pause = {.tv_sec = 0, .tv_nsec = static_cast<long>(random.Below(300'000))};
      nanosleep(&pause, nullptr);
      child.Kill();
    }
    while (collect()) {
    }
    bool has_data = true;
    REQUIRE(pair.server.ArmForData(&has_data).ok());
    CHECK_FALSE(has_data);
  }
}

TEST_CASE("wakes a blocked process by a close") {
  for (int round = 0; round < 20; round++) {
    test::HandedOverPair pair;
    test::Child child([&] {
      WaitOutcome outcome = WaitOutcome::kTimeout;
      const bool waited =
          pair.server.Wait({.for_data = true, .timeout_nanos = kNeverNanos}, &outcome).ok();
      return waited && outcome == WaitOutcome::kClosed ? 0 : 1;
    });
    const timespec pause = {.tv_sec = 0, .tv_nsec = round % 3 * 3'000'000};
    nanosleep(&pause, nullptr);
    pair.client.Close();
    CHECK(child.Join() == 0);
  }
}

TEST_CASE("reports that the peer is gone although signals interrupt the wait") {
  test::HandedOverPair pair;
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  const platform::Handle watched(ends[0]);
  platform::Handle peers(ends[1]);
  test::Child child([&] {
    peers.Close();
    // A profiler's timer. With a handler, the kernel does not resume the wait.
    struct sigaction action = {};
    action.sa_handler = [](int) {};
    const itimerval often = {.it_interval = {.tv_sec = 0, .tv_usec = 1'000},
                             .it_value = {.tv_sec = 0, .tv_usec = 1'000}};
    if (sigaction(SIGALRM, &action, nullptr) != 0) return 2;
    if (setitimer(ITIMER_REAL, &often, nullptr) != 0) return 3;
    WaitOutcome outcome = WaitOutcome::kTimeout;
    // The timeout ends a wait that would not notice the death.
    const bool waited = pair.server
                            .Wait({.for_data = true,
                                   .timeout_nanos = 30'000'000'000,
                                   .control_socket = watched.native()},
                                  &outcome)
                            .ok();
    return waited && outcome == WaitOutcome::kPeerGone ? 0 : 1;
  });
  peers.Close();
  CHECK(child.Join() == 0);
}

TEST_CASE("reports that the peer is gone to a caller that waits for short times in a loop") {
  test::HandedOverPair pair;
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  const platform::Handle watched(ends[0]);
  platform::Handle(ends[1]).Close();
  WaitOutcome outcome = WaitOutcome::kTimeout;
  // At most 30 s of waits, in case they do not notice the death.
  for (int wait = 0; wait < 30'000 && outcome == WaitOutcome::kTimeout; wait++) {
    REQUIRE(
        pair.server
            .Wait(
                {.for_data = true, .timeout_nanos = 1'000'000, .control_socket = watched.native()},
                &outcome)
            .ok());
  }
  CHECK(outcome == WaitOutcome::kPeerGone);
}

TEST_CASE("exchanges many messages between two processes that block on each other") {
  test::HandedOverPair pair;
  constexpr int kRounds = 5000;
  const auto echo = [&](Endpoint* endpoint, int rounds, bool begins) {
    test::Collector collector(endpoint);
    bool needs_wake = false;
    // Even turns write and odd ones read. The side that does not begin is one turn later.
    const int start = begins ? 0 : 1;
    for (int turn = start; turn < start + 2 * rounds; turn++) {
      if (turn % 2 == 0) {
        if (!test::WriteOne(endpoint, test::Payload(64)).wrote) return 1;
        continue;
      }
      int received = 0;
      while (received == 0) {
        WaitOutcome outcome = WaitOutcome::kTimeout;
        if (!endpoint->Wait({.for_data = true, .timeout_nanos = kNeverNanos}, &outcome).ok())
          return 2;
        if (outcome != WaitOutcome::kReady) return 3;
        collector.Collect([&](uint32_t, const std::byte*, uint64_t) { received++; }, &needs_wake);
      }
    }
    return 0;
  };
  test::Child child([&] { return echo(&pair.server, kRounds, false); });
  CHECK(echo(&pair.client, kRounds, true) == 0);
  CHECK(child.Join() == 0);
}

}  // namespace shmwire

TEST_SUITE_END();
