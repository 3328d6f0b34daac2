#include "test/explore/schedule.h"

#include <algorithm>
#include <array>
#include <utility>

namespace shmwire::explore {
namespace {

constexpr std::array<uint64_t, 4> kAccessesPerSwitch = {2, 4, 16, 64};
// 0: a store stays in its buffer until its order forces it out.
constexpr std::array<uint64_t, 4> kAccessesPerLeaving = {0, 64, 8, 2};
// 0: no load is late.
constexpr std::array<uint64_t, 4> kLoadsPerLateOne = {0, 8, 2, 2};
constexpr uint64_t kChangesMax = 4;

}  // namespace

Schedule::Schedule(uint64_t seed, size_t actors, uint64_t steps) : Schedule(seed) {
  // Without delayed stores, late loads are more likely to matter.
  buffers_ = !random_.OnceIn(4);
  accesses_per_leaving_ = kAccessesPerLeaving[random_.Below(kAccessesPerLeaving.size())];
  loads_per_late_one_ = kLoadsPerLateOne[random_.Below(kLoadsPerLateOne.size())];
  for (size_t actor = 0; actor < actors; actor++) {
    priorities_.push_back(static_cast<int64_t>(actor));
    std::swap(priorities_[actor], priorities_[random_.Below(actor + 1)]);
  }
  if (random_.OnceIn(2)) {
    accesses_per_switch_ = kAccessesPerSwitch[random_.Below(kAccessesPerSwitch.size())];
    return;
  }
  for (uint64_t change = random_.Below(kChangesMax) + 1; change > 0; change--) {
    change_steps_.push_back(random_.Below(steps) + 1);
  }
}

Schedule Schedule::InTurn(size_t actors) {
  Schedule schedule(0);
  schedule.priorities_.assign(actors, 0);
  return schedule;
}

size_t Schedule::Highest(const std::vector<bool>& runnable) const {
  size_t highest = runnable.size();
  for (size_t actor = 0; actor < runnable.size(); actor++) {
    if (!runnable[actor]) continue;
    if (highest == runnable.size() || priorities_[actor] > priorities_[highest]) highest = actor;
  }
  return highest;
}

size_t Schedule::Next(const std::vector<bool>& runnable, size_t current) {
  step_++;
  if (accesses_per_switch_ == 0) {
    if (std::find(change_steps_.begin(), change_steps_.end(), step_) != change_steps_.end()) {
      Yield(current);
    }
    return Highest(runnable);
  }
  if (runnable[current] && !random_.OnceIn(accesses_per_switch_)) return current;
  size_t next = static_cast<size_t>(random_.Below(runnable.size()));
  while (!runnable[next]) next = (next + 1) % runnable.size();
  return next;
}

uint64_t Schedule::LoadTime(uint64_t earliest, uint64_t now) {
  if (earliest >= now || !random_.OnceIn(loads_per_late_one_)) return now;
  // The earliest time differs the most from the program's order.
  return random_.OnceIn(2) ? earliest : earliest + random_.Below(now - earliest);
}

void Schedule::Yield(size_t current) { priorities_[current] = --lowest_; }

}  // namespace shmwire::explore
