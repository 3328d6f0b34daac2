#pragma once

#include <cstdint>

#include "platform/windows/windows_api.h"

namespace shmwire::platform {

// When a process was created, in units of 100 ns since 1601. 0: the system does not say.
inline uint64_t StartTime(HANDLE process) {
  FILETIME created{};
  FILETIME exited{};
  FILETIME kernel{};
  FILETIME user{};
  if (GetProcessTimes(process, &created, &exited, &kernel, &user) == 0) return 0;
  return uint64_t{created.dwHighDateTime} << 32 | created.dwLowDateTime;
}

}  // namespace shmwire::platform
