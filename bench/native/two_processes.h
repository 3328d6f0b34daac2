#pragma once

// A second process, each of the two on a core of its own, and what it says at its end.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>

namespace bench {

struct ServerReport {
  uint64_t messages = 0;
  uint64_t faults = 0;
  double cpu_seconds = 0;
};

class TwoProcesses {
 public:
  // Starts `server` in the second process, which ends with it, and goes on in this one. With a
  // single core both are on that.
  explicit TwoProcesses(const std::function<ServerReport()>& server);
  // Waits for the server's end.
  ServerReport Join();

 private:
  pid_t server_ = 0;
  int pipe_ = -1;
};

// Zeroed memory that both processes write. The bounds of the machine need no protection.
void* SharedMemory(size_t bytes);

}  // namespace bench
