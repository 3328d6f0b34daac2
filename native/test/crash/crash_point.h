#pragma once

// Crashes at a chosen store. A process that dies leaves its stores in shared memory. So to other
// processes, its death can only happen after one of its stores.

#include <unistd.h>

#include <cstdint>

namespace shmwire::crash {

inline constexpr int kCrashedExit = 42;

inline uint64_t stores_left = 0;

// This process will end right after its nth store to shared memory; 0: it will not.
inline void CrashAfter(uint64_t stores) { stores_left = stores; }

inline void Stored() {
  if (stores_left == 0) return;
  stores_left--;
  // Without cleanup or notification, like SIGKILL.
  if (stores_left == 0) _exit(kCrashedExit);
}

}  // namespace shmwire::crash
