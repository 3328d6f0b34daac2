#pragma once

// This process, its peer's identity, its clock and its place on a core.

#include <cstddef>
#include <cstdint>

#include "core/status.h"
#include "platform/handle.h"

namespace shmwire::platform {

// The process at the other end, as the kernel reports it. `pid` is 0 when our pid namespace has no
// number for it: two processes with that pid need not be the same.
struct Credentials {
  uint32_t pid = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;

  bool operator==(const Credentials&) const = default;
};

// Whether both name one process. It may have changed its user in between, so the pid alone decides.
// Only where there is none must user and group agree; then it may still be another process.
inline bool NameSameProcess(const Credentials& one, const Credentials& other) {
  return one.pid == other.pid && (one.pid != 0 || one == other);
}

uint32_t CurrentProcessId();
// The effective one, by which the kernel judges what this process does.
uint32_t CurrentUserId();
// In the system's unit (Linux: ticks since boot); 0 when it cannot be learnt. Tells apart two
// processes that had the same id.
uint64_t CurrentProcessStartTime();

// Of a connected local socket, as they were when it connected. `native` stays the caller's.
// Errors: kInvalidArgument.
Status PeerCredentials(intptr_t native, Credentials* credentials);

// Whether the other end of a connected local socket is closed, by its process or by its process's
// end. `native` stays the caller's. False when it cannot be learnt.
bool HasHungUp(intptr_t native);

Status FillRandom(void* bytes, size_t count);

// Gives the core to another thread that is ready to run, if any.
void YieldCpu();

// Sleeps as shortly as the system can (Linux: some 60 us). Whoever wakes up is put on an idle core,
// if there is one.
void Nap();

// Of a clock that never goes back. Its start is arbitrary.
uint64_t MonotonicNanos();

// The system's text for an error number, without a newline. Returns `buffer` or a literal.
const char* OsErrorText(int32_t os_error, char* buffer, size_t buffer_bytes);

}  // namespace shmwire::platform
