#pragma once

// This process, its peer's identity, its clock and its place on a core.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "core/status.h"
#include "platform/handle.h"

namespace shmwire::platform {

// The process at the other end, as the kernel reports it. `pid` is 0 if it has no number in our pid
// namespace: two processes with this pid may differ.
struct Credentials {
  uint32_t pid = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;

  bool operator==(const Credentials&) const = default;
};

// Whether both name the same process. A process may change its user, so the pid alone decides.
// Without a pid, user and group must agree, and it may still be another process.
inline bool NameSameProcess(const Credentials& one, const Credentials& other) {
  return one.pid == other.pid && (one.pid != 0 || one == other);
}

uint32_t CurrentProcessId();
// The effective user, whose permissions the kernel checks.
uint32_t CurrentUserId();
// In the system's unit (Linux: ticks since boot; Windows: 100 ns since 1601); 0 if unknown.
// Distinguishes users of the same id.
uint64_t CurrentProcessStartTime();

// The process at the other end of a local socket, as it was when it connected. The caller keeps
// `native`. Errors: kInvalidArgument.
Status PeerCredentials(intptr_t native, Credentials* credentials);

// Whether the process at the other end of a local socket has closed it or has ended. The caller
// keeps `native`, which on Windows is a process. False if unknown.
bool HasHungUp(intptr_t native);

Status FillRandom(void* bytes, size_t count);

// Yields the core to another thread that is ready to run.
void YieldCpu();

// Sleeps for the shortest time that the system offers (Linux: about 60 us). The scheduler moves a
// thread that wakes up to an idle core.
void Nap();

// How long a system call takes that does nothing: 0.1 us on most machines, and more than 1 us where
// each call enters a hypervisor or a sandbox. Measured at each call, in eight times that long.
uint64_t SystemCallNanos();

// Of a clock that never goes back. Its start is arbitrary.
uint64_t MonotonicNanos();

// The time after `nanos` more on that clock, or the largest time.
inline uint64_t DeadlineAfter(uint64_t nanos) {
  const uint64_t now = MonotonicNanos();
  return now + std::min(nanos, std::numeric_limits<uint64_t>::max() - now);
}

// The system's text for an error number, without a newline. Returns `buffer` or a literal.
const char* OsErrorText(int32_t os_error, char* buffer, size_t buffer_bytes);

}  // namespace shmwire::platform
