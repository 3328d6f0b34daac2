#pragma once

// How long a call takes if nothing interrupts it.

#include <algorithm>
#include <cstdint>
#include <limits>

#include "platform/process.h"

namespace shmwire::platform {

// The shortest of eight calls of `call`.
template <typename Call>
uint64_t ShortestCallNanos(Call call) {
  uint64_t shortest = std::numeric_limits<uint64_t>::max();
  for (int count = 0; count < 8; count++) {
    const uint64_t start = MonotonicNanos();
    call();
    shortest = std::min(shortest, MonotonicNanos() - start);
  }
  return shortest;
}

}  // namespace shmwire::platform
