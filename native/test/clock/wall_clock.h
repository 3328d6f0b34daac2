#pragma once

// The rest of a library for LD_PRELOAD that defines its own clock_gettime: the functions of libc
// that read the wall clock in another way.

#include <sys/time.h>

#include <ctime>

namespace {

constexpr long kNanosPerMicro = 1'000;

bool IsWall(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

}  // namespace

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
