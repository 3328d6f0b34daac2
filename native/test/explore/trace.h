#pragma once

// The last accesses of a run, for the report of a fault.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "test/explore/place.h"

namespace shmwire::explore {

enum class Event : uint8_t {
  kLoad,
  kStore,
  kCopy,
  kReleaseFence,
  kAcquireFence,
  kSleep,
  kWoken,
  kWake,
  kDone,
};

struct TraceEntry {
  uint64_t step = 0;
  size_t actor = 0;
  Event event = Event::kDone;
  Place place;
  std::memory_order order = std::memory_order_relaxed;
  uint64_t value = 0;
  uint64_t late = 0;  // how many stores have become visible since the load was satisfied
};

class Trace {
 public:
  void Clear() { count_ = 0; }
  void Add(const TraceEntry& entry) {
    entries_[count_ % kEntries] = entry;
    count_++;
  }
  // One line per access, the oldest first.
  [[nodiscard]] std::string Text() const;

 private:
  static constexpr size_t kEntries = 48;

  std::array<TraceEntry, kEntries> entries_;
  uint64_t count_ = 0;
};

}  // namespace shmwire::explore
