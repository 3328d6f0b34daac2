#pragma once

// A process and a clock that the fuzzer controls. The core's calls of the system are the moments at
// which the peer may act, so each one notifies the target.

#include <cstdint>
#include <functional>

namespace shmwire::fuzz {

struct Script {
  // Called whenever the core reads the clock, yields, naps or waits.
  std::function<void()> moment;
  // The result of HasHungUp.
  bool hung_up = false;
  // Advances at each reading, so that every wait ends.
  uint64_t nanos = 0;
};

Script& TheScript();

}  // namespace shmwire::fuzz
