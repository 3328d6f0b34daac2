// A wall clock that jumps: its readings alternate between years ahead and years behind. Other
// clocks are unchanged. For LD_PRELOAD; test/process/places.test.ts compiles it.

#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <ctime>

namespace {

constexpr time_t kYearsSeconds = 100'000'000;
constexpr long kNanosPerMicro = 1'000;

// A counter only; it orders nothing.
std::atomic<unsigned> readings{0};

bool IsWall(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

}  // namespace

extern "C" __attribute__((visibility("default"))) int clock_gettime(clockid_t clock,
                                                                    timespec* now) noexcept {
  const auto result = static_cast<int>(syscall(SYS_clock_gettime, clock, now));
  if (result != 0 || !IsWall(clock)) return result;
  const bool ahead = readings.fetch_add(1, std::memory_order_relaxed) % 2 == 0;
  now->tv_sec += ahead ? kYearsSeconds : -kYearsSeconds;
  return 0;
}

extern "C" __attribute__((visibility("default"))) int gettimeofday(timeval* now, void*) noexcept {
  timespec wall{};
  clock_gettime(CLOCK_REALTIME, &wall);
  *now = {.tv_sec = wall.tv_sec, .tv_usec = wall.tv_nsec / kNanosPerMicro};
  return 0;
}

extern "C" __attribute__((visibility("default"))) time_t time(time_t* now) noexcept {
  timespec wall{};
  clock_gettime(CLOCK_REALTIME, &wall);
  if (now != nullptr) *now = wall.tv_sec;
  return wall.tv_sec;
}
