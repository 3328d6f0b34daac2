#include "platform/process.h"

#include <cstring>

#include "test/explore/explored_access.h"

// Two runs of one seed must not differ in any result.

namespace shmwire::platform {

uint32_t CurrentProcessId() { return 1; }
uint32_t CurrentUserId() { return 1; }
uint64_t CurrentProcessStartTime() { return 1; }

Status PeerCredentials(intptr_t /*native*/, Credentials* /*credentials*/) {
  return Status::Error(StatusCode::kInvalidArgument, "the explorer has no sockets");
}
bool HasHungUp(intptr_t /*native*/) { return false; }

Status FillRandom(void* bytes, size_t count) {
  std::memset(bytes, 1, count);
  return {};
}

void YieldCpu() { explore::YieldCpu(); }
void Nap() { explore::YieldCpu(); }
uint64_t SystemCallNanos() { return 0; }
uint64_t MonotonicNanos() { return explore::NowNanos(); }

const char* OsErrorText(int32_t /*os_error*/, char* /*buffer*/, size_t /*buffer_bytes*/) {
  return "";
}

}  // namespace shmwire::platform
