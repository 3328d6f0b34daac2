// A wall clock that is set while programs run: it is ahead by as many seconds as the file says
// whose path is in SHMWIRE_TEST_CLOCK. Other clocks are unchanged. For LD_PRELOAD;
// scripts/load/clock.mjs compiles it.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>

#include "wall_clock.h"

namespace {

static_assert(std::atomic<int64_t>::is_always_lock_free);

// The first eight bytes of the file.
const std::atomic<int64_t>* MapFile() {
  const char* path = std::getenv("SHMWIRE_TEST_CLOCK");
  if (path == nullptr) return nullptr;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return nullptr;
  void* mapping = mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return mapping == MAP_FAILED ? nullptr : static_cast<const std::atomic<int64_t>*>(mapping);
}

time_t AheadSeconds() {
  static const std::atomic<int64_t>* const ahead = MapFile();
  // One number only; it orders nothing.
  return ahead == nullptr ? 0 : static_cast<time_t>(ahead->load(std::memory_order_relaxed));
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int clock_gettime(clockid_t clock,
                                                                    timespec* now) noexcept {
  // Not the system call, which takes ten times as long.
  static const auto real =
      reinterpret_cast<int (*)(clockid_t, timespec*)>(dlsym(RTLD_NEXT, "clock_gettime"));
  const int result = real(clock, now);
  if (result == 0 && IsWall(clock)) now->tv_sec += AheadSeconds();
  return result;
}
