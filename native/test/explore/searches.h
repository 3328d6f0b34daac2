#pragma once

// Searches through the interleavings of a scenario, for tests. The seeds are fixed, so the result
// is too.

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "test/explore/scenario.h"

namespace shmwire::explore {

// Returns the first of `seeds` runs with this fault; an empty outcome if there is none.
inline Outcome FindFault(std::string_view fault, std::string_view scenario_name,
                         const Mutation& mutation, uint64_t seeds) {
  const Scenario* scenario = FindScenario(scenario_name);
  REQUIRE(scenario != nullptr);
  ScenarioRun run(*scenario);
  for (uint64_t seed = 1; seed <= seeds; seed++) {
    Outcome outcome = run.Run(seed, mutation);
    if (outcome.fault.find(fault) != std::string::npos) return outcome;
  }
  return {};
}

inline void CheckFinds(std::string_view fault, std::string_view scenario_name,
                       const Mutation& mutation, uint64_t seeds) {
  CAPTURE(fault);
  CAPTURE(scenario_name);
  CHECK_FALSE(FindFault(fault, scenario_name, mutation, seeds).trace.empty());
}

inline void CheckHolds(std::string_view scenario_name, const Mutation& mutation, uint64_t seeds) {
  const Scenario* scenario = FindScenario(scenario_name);
  REQUIRE(scenario != nullptr);
  ScenarioRun run(*scenario);
  for (uint64_t seed = 1; seed <= seeds; seed++) {
    const Outcome outcome = run.Run(seed, mutation);
    CAPTURE(outcome.trace);
    REQUIRE(outcome.fault == "");
  }
}

}  // namespace shmwire::explore
