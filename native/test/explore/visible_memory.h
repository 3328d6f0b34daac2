#pragma once

// The memory that all actors see, and its recent past, for loads that are satisfied late. A time is
// the number of stores that have become visible. All actors see them in one order, as on x86 and
// arm64 (other multi-copy atomicity: docs/memory-model.md).

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace shmwire::explore {

class VisibleMemory {
 public:
  void Store(std::byte* to, const std::byte* value, size_t bytes);
  // The bytes as they were at `time`, from `oldest()` to `now()`.
  void Load(uint64_t time, const std::byte* from, std::byte* value, size_t bytes) const;

  [[nodiscard]] uint64_t now() const { return now_; }
  [[nodiscard]] uint64_t oldest() const { return now_ > kStoresMax ? now_ - kStoresMax : 0; }
  // Forgets the past, at the start of a run.
  void Clear() { now_ = 0; }

 private:
  // Longer than any processor delays a load.
  static constexpr size_t kStoresMax = 64;

  struct PastStore {
    const std::byte* to = nullptr;
    std::vector<std::byte> overwritten;
  };

  std::array<PastStore, kStoresMax> stores_;
  uint64_t now_ = 0;
};

}  // namespace shmwire::explore
