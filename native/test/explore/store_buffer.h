#pragma once

// Stores that one actor has made and nobody else sees yet: everything that the orders of C++ allow
// to be late, on x86 and arm64 and no more than there.
//
//  1. Stores to one place leave in their order, and the actor itself sees them at once.
//  2. A release or seq_cst store leaves behind all that was stored before it (arm64: stlr).
//  3. A relaxed store, and each piece of a payload, may leave before others that are older (arm64:
//     str; x86 would keep the order).
//  4. A seq_cst load waits until the actor's own seq_cst stores have left (x86: xchg; arm64: ldar
//     after stlr). A weaker load does not.
//
// So a store may pass later loads unless both are seq_cst, which is what SYNC(wake.arm) is about.
// Loads are never late: a load that is weaker than it must be is found only through rule 4.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "test/explore/random.h"

namespace shmwire::explore {

class StoreBuffer {
 public:
  void Add(std::byte* to, std::memory_order order, const std::byte* value, size_t bytes);
  // What the actor itself sees: memory, and over it the stores that wait.
  void Load(const std::byte* from, std::byte* value, size_t bytes) const;

  [[nodiscard]] bool empty() const { return stores_.empty(); }
  // Lets one store leave, of those that may.
  void LetOneLeave(Random* random);
  // Lets all leave up to the last seq_cst store.
  void LetSeqCstLeave();
  void LetAllLeave();
  // Forgets what waits: nobody will look.
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
