#include "platform/process.h"

#include <sched.h>
#include <unistd.h>

#include <cstring>
#include <ctime>

#include "platform/shortest_call.h"

namespace shmwire::platform {
namespace {

// strerror_r has two forms, depending on the C library. Each returns what one of these accepts.
[[maybe_unused]] const char* TextOf(int result, const char* buffer) {
  return result == 0 ? buffer : "unknown error";
}
[[maybe_unused]] const char* TextOf(const char* result, const char* /*buffer*/) { return result; }

}  // namespace

uint32_t CurrentProcessId() { return static_cast<uint32_t>(getpid()); }

uint32_t CurrentUserId() { return static_cast<uint32_t>(geteuid()); }

void YieldCpu() { sched_yield(); }

void Nap() {
  const timespec shortly{0, 1};
  nanosleep(&shortly, nullptr);
}

uint64_t SystemCallNanos() {
  return ShortestCallNanos([] { static_cast<void>(getppid()); });
}

const char* OsErrorText(int32_t os_error, char* buffer, size_t buffer_bytes) {
  return TextOf(strerror_r(os_error, buffer, buffer_bytes), buffer);
}

}  // namespace shmwire::platform
