#pragma once

// Small programs over one connection, each about one way to wait, and what is true of them in
// every interleaving: each message arrives whole and in order, and nobody sleeps for ever.

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
// Null when there is none of the name.
const Scenario* FindScenario(std::string_view name);

class ScenarioRun {
 public:
  explicit ScenarioRun(const Scenario& scenario);
  // One interleaving; the same for the same seed.
  Outcome Run(uint64_t seed, const Mutation& mutation = {});

 private:
  Outcome RunBy(Schedule schedule, uint64_t seed, const Mutation& mutation);

  const Scenario& scenario_;
  Explorer explorer_;
  uint64_t steps_ = 1;  // of a run without a switch
};

}  // namespace shmwire::explore
