// A wall clock that jumps: its readings alternate between years ahead and years behind. Other
// clocks are unchanged. For LD_PRELOAD; test/process/places.test.ts compiles it.

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <ctime>

#include "wall_clock.h"

namespace {

constexpr time_t kYearsSeconds = 100'000'000;

// A counter only; it orders nothing.
std::atomic<unsigned> readings{0};

}  // namespace

extern "C" __attribute__((visibility("default"))) int clock_gettime(clockid_t clock,
                                                                    timespec* now) noexcept {
  const auto result = static_cast<int>(syscall(SYS_clock_gettime, clock, now));
  if (result != 0 || !IsWall(clock)) return result;
  const bool ahead = readings.fetch_add(1, std::memory_order_relaxed) % 2 == 0;
  now->tv_sec += ahead ? kYearsSeconds : -kYearsSeconds;
  return 0;
}
