#pragma once

// Stores of one actor that others cannot see yet. It delays exactly the stores that the orders of
// C++ allow to be delayed on x86 and arm64:
//  1. Stores to one place leave in order, and the actor itself sees them at once.
//  2. A release or seq_cst store leaves after all earlier stores (arm64: stlr).
//  3. A relaxed store, and each piece of a payload, may leave before older stores (arm64: str; x86
//     keeps the order).
//  4. No store leaves before an older one if a release fence is between them (arm64: dmb ish).
//  5. A seq_cst load waits until the actor's own seq_cst stores have left (x86: xchg; arm64: ldar
//     after stlr). A weaker load does not wait.
//
// So a store may pass later loads unless both are seq_cst: the subject of SYNC(wake.arm). The order
// of loads is the subject of load_window.h.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "test/explore/load_window.h"
#include "test/explore/random.h"
#include "test/explore/visible_memory.h"

namespace shmwire::explore {

class StoreBuffer {
 public:
  // The memory, and the actor's window, see a store when it leaves. Both must outlive the buffer.
  StoreBuffer(VisibleMemory* memory, LoadWindow* window) : memory_(memory), window_(window) {}

  void Add(std::byte* to, std::memory_order order, const std::byte* value, size_t bytes);
  // A release fence.
  void Fence() { fences_++; }
  // Puts the delayed stores over a value that was loaded from memory, as the actor sees it.
  void Cover(const std::byte* from, std::byte* value, size_t bytes) const;

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
    uint64_t fences;  // before it
  };

  static Range RangeOf(const WaitingStore& store) { return {store.to, store.bytes}; }
  [[nodiscard]] bool MayLeave(size_t index) const;
  void Leave(size_t index);

  VisibleMemory* memory_;
  LoadWindow* window_;
  std::vector<WaitingStore> stores_;  // oldest first
  std::vector<std::byte> values_;
  uint64_t fences_ = 0;
};

}  // namespace shmwire::explore
