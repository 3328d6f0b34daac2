#pragma once

// A process and a clock that the fuzzer drives: what the core asks of the system is a moment at
// which the peer may do something, so the target is told of each.

#include <cstdint>
#include <functional>

namespace shmwire::fuzz {

struct Script {
  // Called whenever the core looks at the clock, gives its core away, naps or waits.
  std::function<void()> moment;
  // What HasHungUp answers.
  bool hung_up = false;
  // Moves with every look, so that no wait is without an end.
  uint64_t nanos = 0;
};

Script& TheScript();

}  // namespace shmwire::fuzz
