#pragma once

// Stores of one actor that others cannot see yet. It delays exactly the stores that the orders of
// C++ allow to be delayed on x86 and arm64:
//  1. Stores to one place leave in order, and the actor itself sees them at once.
//  2. A release or seq_cst store leaves after all earlier stores (arm64: stlr).
//  3. A relaxed store, and each piece of a payload, may leave before older stores (arm64: str; x86
//     keeps the order).
//  4. A seq_cst load waits until the actor's own seq_cst stores have left (x86: xchg; arm64: ldar
//     after stlr). A weaker load does not wait.
//
// So a store may pass later loads unless both are seq_cst: the subject of SYNC(wake.arm). Loads are
// never delayed: only rule 4 reveals a load that is too weak.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "test/explore/random.h"

namespace shmwire::explore {

class StoreBuffer {
 public:
  void Add(std::byte* to, std::memory_order order, const std::byte* value, size_t bytes);
  // Loads as the actor sees it: from the delayed stores first, then from memory.
  void Load(const std::byte* from, std::byte* value, size_t bytes) const;

  [[nodiscard]] bool empty() const { return stores_.empty(); }
  // Lets one store leave that may.
  void LetOneLeave(Random* random);
  // Lets all stores leave up to the last seq_cst one.
  void LetSeqCstLeave();
  void LetAllLeave();
  // Drops the delayed stores, at the end of a run.
  void Clear();

 private:
  struct WaitingStore {
    std::byte* to;
    size_t bytes;
    size_t offset;  // of its value in values_
    std::memory_order order;
  };

  [[nodiscard]] bool MayLeave(size_t index) const;
  void Leave(size_t index);

  std::vector<WaitingStore> stores_;  // oldest first
  std::vector<std::byte> values_;
};

}  // namespace shmwire::explore
