#pragma once

// A second process, with a core for each of the two, and its report at its end.

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
  // Starts `server` in the second process, which ends with it, and continues in this one. With a
  // single core, both share it.
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
