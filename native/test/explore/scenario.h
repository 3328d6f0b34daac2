#pragma once

// Small programs over one connection, each for one way to wait. In every interleaving, each message
// must arrive whole and in order, and no actor may sleep without end.

#include <cstdint>
#include <span>
#include <string_view>

#include "test/explore/explorer.h"
#include "test/explore/side.h"

namespace shmwire::explore {

struct Scenario {
  const char* name;
  SideOptions sides[2];
};

std::span<const Scenario> Scenarios();
// Null: there is no scenario of this name.
const Scenario* FindScenario(std::string_view name);

class ScenarioRun {
 public:
  explicit ScenarioRun(const Scenario& scenario);
  // One interleaving, which the seed determines.
  Outcome Run(uint64_t seed, const Mutation& mutation = {});

 private:
  Outcome RunBy(Schedule schedule, uint64_t seed, const Mutation& mutation);

  const Scenario& scenario_;
  Explorer explorer_;
  uint64_t steps_ = 1;  // of a run without a switch
};

}  // namespace shmwire::explore
