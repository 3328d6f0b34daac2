#include "core/wake_times.h"

#include <limits>

#include "test/support.h"

TEST_SUITE_BEGIN("wake_times_test");

namespace shmwire {
namespace {

constexpr uint64_t kMicro = 1'000;
// When the wait of each test begins.
constexpr uint64_t kSince = 5'000'000'000;

struct Sides {
  ControlBlock first_control{};
  ControlBlock second_control{};
  WakeTimes first{&first_control, &second_control};
  WakeTimes second{&second_control, &first_control};
};

// The nanoseconds that the first side counts when the peer has stored these times.
uint64_t Counted(uint64_t wake_sent_at, uint64_t woken_at, uint64_t now) {
  Sides sides;
  sides.first.WakesPeer(kSince);
  sides.second_control.wake_sent_at.StoreRelaxed(wake_sent_at);
  sides.second_control.woken_at.StoreRelaxed(woken_at);
  const uint64_t peer_nanos = sides.first.PeerWakeNanos(kSince, now);
  const uint64_t nanos = sides.first.Woken(kSince, now);
  CHECK(peer_nanos <= nanos);
  return nanos;
}

}  // namespace

TEST_CASE("counts the wake-ups of both sides, and not the peer's work") {
  Sides sides;
  sides.first.WakesPeer(kSince - 5 * kMicro);
  CHECK(sides.first.PeerWakeNanos(kSince, kSince + 10 * kMicro) == 0);
  CHECK(sides.second.Woken(kSince - 500 * kMicro, kSince + 30 * kMicro) == 35 * kMicro);
  CHECK(sides.first.PeerWakeNanos(kSince, kSince + 40 * kMicro) == 30 * kMicro);
  sides.second.WakesPeer(kSince + 90 * kMicro);
  CHECK(sides.first.Woken(kSince, kSince + 110 * kMicro) == 50 * kMicro);
}

TEST_CASE("counts no wake-up of a peer that was awake") {
  Sides sides;
  sides.second.WakesPeer(kSince + 90 * kMicro);
  CHECK(sides.first.Woken(kSince, kSince + 110 * kMicro) == 20 * kMicro);
}

TEST_CASE("counts no wake-ups of earlier waits") {
  Sides sides;
  sides.first.WakesPeer(kSince - 300 * kMicro);
  CHECK(sides.second.Woken(kSince - 900 * kMicro, kSince - 250 * kMicro) == 50 * kMicro);
  sides.second.WakesPeer(kSince - 200 * kMicro);
  CHECK(sides.first.PeerWakeNanos(kSince, kSince + 10 * kMicro) == 0);
  CHECK(sides.first.Woken(kSince, kSince + 10 * kMicro) == 0);
}

TEST_CASE("counts only the part of the peer's wake-up that is within the wait") {
  Sides sides;
  sides.first.WakesPeer(kSince - 20 * kMicro);
  sides.second.Woken(kSince - 500 * kMicro, kSince + 15 * kMicro);
  CHECK(sides.first.PeerWakeNanos(kSince, kSince + 100 * kMicro) == 15 * kMicro);
}

TEST_CASE("stores times only in its own control block") {
  Sides sides;
  sides.first.WakesPeer(7);
  CHECK(sides.first_control.wake_sent_at.LoadRelaxed() == 7);
  sides.first.Woken(0, 9);
  CHECK(sides.first_control.woken_at.LoadRelaxed() == 9);
  CHECK(sides.second_control.wake_sent_at.LoadRelaxed() == 0);
  CHECK(sides.second_control.woken_at.LoadRelaxed() == 0);
}

TEST_CASE("ignores times of the peer that are outside of the wait") {
  const uint64_t now = kSince + 100 * kMicro;
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  // Zeros, another clock, garbage.
  for (const uint64_t time : {uint64_t{0}, uint64_t{1}, kSince - 1, now + 1, now + kSince, kMax}) {
    CAPTURE(time);
    CHECK(Counted(time, time, now) == 0);
    CHECK(Counted(time, kSince + 10 * kMicro, now) == 10 * kMicro);
    CHECK(Counted(now - 20 * kMicro, time, now) == 20 * kMicro);
  }
}

TEST_CASE("never counts more than the wait") {
  const uint64_t now = kSince + 100 * kMicro;
  CHECK(Counted(kSince, now, now) == 100 * kMicro);
  CHECK(Counted(kSince, kSince, kSince) == 0);
  Sides sides;
  sides.second_control.wake_sent_at.StoreRelaxed(kSince);
  CHECK(sides.first.Woken(kSince + 10, kSince) == 0);
}

}  // namespace shmwire

TEST_SUITE_END();
