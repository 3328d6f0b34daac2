#pragma once

// Crashes at a chosen store. A process that dies leaves in shared memory what it had stored, so its
// stores are all the moments at which it can die as far as anybody else can tell.

#include <unistd.h>

#include <cstdint>

namespace shmwire::crash {

inline constexpr int kCrashedExit = 42;

inline uint64_t stores_left = 0;

// This process ends right after its nth store to shared memory from now on; 0: it does not.
inline void CrashAfter(uint64_t stores) { stores_left = stores; }

inline void Stored() {
  if (stores_left == 0) return;
  stores_left--;
  // Nothing is undone and nobody is told, as with SIGKILL.
  if (stores_left == 0) _exit(kCrashedExit);
}

}  // namespace shmwire::crash
