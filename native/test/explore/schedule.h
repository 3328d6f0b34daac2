#pragma once

// Chooses, by the seed alone, the next actor at each access, and when a store leaves its buffer.
//
// Half of the seeds switch at random. The other half use priorities: the runnable actor with the
// highest one continues, and at a few accesses, chosen beforehand, the running actor falls to the
// lowest. A run then finds a fault that takes d such constraints among k accesses of n actors with
// a probability of at least 1/(n k^(d-1)) (Burckhardt, Kothari, Musuvathi, Nagarakatte, "A
// Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", 2010).

#include <cstddef>
#include <cstdint>
#include <vector>

#include "test/explore/random.h"

namespace shmwire::explore {

class Schedule {
 public:
  // `steps`: the approximate number of accesses in a run.
  Schedule(uint64_t seed, size_t actors, uint64_t steps);
  // Each actor continues until it sleeps, no store is delayed, and no load is late.
  static Schedule InTurn(size_t actors);

  // Chooses for the next access. At least one actor is runnable.
  size_t Next(const std::vector<bool>& runnable, size_t current);
  // The running actor yields its core.
  void Yield(size_t current);
  // Whether a store leaves its buffer now.
  bool StoreLeaves() { return random_.OnceIn(accesses_per_leaving_); }
  // The time at which a load is satisfied, from `earliest` to `now`.
  uint64_t LoadTime(uint64_t earliest, uint64_t now);
  // Whether stores are delayed at all.
  [[nodiscard]] bool buffers() const { return buffers_; }
  Random* random() { return &random_; }

 private:
  explicit Schedule(uint64_t seed) : random_(seed) {}
  [[nodiscard]] size_t Highest(const std::vector<bool>& runnable) const;

  Random random_;
  bool buffers_ = false;
  uint64_t accesses_per_leaving_ = 0;
  uint64_t loads_per_late_one_ = 0;
  uint64_t accesses_per_switch_ = 0;  // 0: priorities
  std::vector<uint64_t> change_steps_;
  std::vector<int64_t> priorities_;
  int64_t lowest_ = 0;
  uint64_t step_ = 0;
};

}  // namespace shmwire::explore
