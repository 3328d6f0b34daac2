#pragma once

// Who goes on at each access, and when a store leaves its buffer: all that is left to chance in a
// run, and all of it decided by the seed.
//
// Half of the seeds switch at random, more or less often. The other half run by priorities: the
// runnable actor of the highest goes on, and at a few accesses, drawn beforehand, the running one
// falls to the lowest. A fault that takes d such constraints among k accesses of n actors is then
// found with a probability of at least 1/(n k^(d-1)) a run (Burckhardt, Kothari, Musuvathi,
// Nagarakatte, "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", 2010).

#include <cstddef>
#include <cstdint>
#include <vector>

#include "test/explore/random.h"

namespace shmwire::explore {

class Schedule {
 public:
  // `steps` is how many accesses a run has, about.
  Schedule(uint64_t seed, size_t actors, uint64_t steps);
  // Each actor goes on until it sleeps, and no store waits.
  static Schedule InTurn(size_t actors);

  // The next access is due. `runnable` has a place for each actor, and one of them at least is.
  size_t Next(const std::vector<bool>& runnable, size_t current);
  // The running actor gives its core away.
  void Yield(size_t current);
  // Whether a store leaves its buffer now.
  bool StoreLeaves() { return random_.OnceIn(accesses_per_leaving_); }
  // Whether stores wait at all.
  [[nodiscard]] bool buffers() const { return buffers_; }
  Random* random() { return &random_; }

 private:
  explicit Schedule(uint64_t seed) : random_(seed) {}
  [[nodiscard]] size_t Highest(const std::vector<bool>& runnable) const;

  Random random_;
  bool buffers_ = false;
  uint64_t accesses_per_leaving_ = 0;
  uint64_t accesses_per_switch_ = 0;  // 0: by priorities
  std::vector<uint64_t> change_steps_;
  std::vector<int64_t> priorities_;
  int64_t lowest_ = 0;
  uint64_t step_ = 0;
};

}  // namespace shmwire::explore
