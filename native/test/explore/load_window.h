#pragma once

// How old the value of an actor's next load may be. It lets loads be satisfied early, and so return
// older values, exactly as far as the orders of C++ allow it on arm64:
//  1. A relaxed load, and each piece of a payload, may be satisfied before any earlier load that is
//     relaxed too (arm64: ldr; x86 keeps the order).
//  2. No load is satisfied before an earlier acquire or seq_cst load (arm64: ldapr, ldar).
//  3. A seq_cst load is not satisfied before the actor's own seq_cst stores are visible (arm64:
//  ldar
//     after stlr).
//  4. After an acquire fence, no load is satisfied before a load before it (arm64: dmb ishld).
//  5. Of one place, no load returns an older value than an earlier load, or than the own store.
//
// No load is satisfied after a later store of the actor: that order comes from a release store, or
// from a branch that depends on the load.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "test/explore/range.h"

namespace shmwire::explore {

class LoadWindow {
 public:
  // The earliest time at which this load may be satisfied.
  [[nodiscard]] uint64_t Earliest(const Range& range, std::memory_order order) const;
  // A load was satisfied.
  void Loaded(const Range& range, std::memory_order order, uint64_t time);
  // An own store has become visible.
  void Stored(const Range& range, std::memory_order order, uint64_t time);
  // An acquire fence.
  void Fence() { Begin(loaded_); }
  // All later loads are satisfied at `time` or after it.
  void Begin(uint64_t time);
  void Clear();

 private:
  struct Seen {
    Range range;
    uint64_t time;
  };

  void See(const Range& range, uint64_t time);

  uint64_t begin_ = 0;
  uint64_t seq_cst_stored_ = 0;
  uint64_t loaded_ = 0;     // when the latest load was satisfied
  std::vector<Seen> seen_;  // after begin_
};

}  // namespace shmwire::explore
