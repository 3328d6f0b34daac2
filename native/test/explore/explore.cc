// Runs scenarios over many interleavings.
//
//   shmwire_explore [--seeds N] [--from S] [--scenario NAME]
//
// Runs each scenario N times, with the seeds from S on. One seed always gives the same run. Ends
// with `N passed, N failed`, counting scenarios. The first fault ends a scenario.

#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "test/explore/scenario.h"

namespace {

using shmwire::explore::FindScenario;
using shmwire::explore::Outcome;
using shmwire::explore::Scenario;
using shmwire::explore::ScenarioRun;
using shmwire::explore::Scenarios;

struct Arguments {
  uint64_t seeds = 20'000;
  uint64_t from = 1;
  std::string_view scenario;
};

bool ParseNumber(std::string_view text, uint64_t* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

bool Parse(int count, char** values, Arguments* arguments) {
  for (int index = 1; index + 1 < count; index += 2) {
    const std::string_view name = values[index];
    const std::string_view value = values[index + 1];
    if (name == "--seeds") {
      if (!ParseNumber(value, &arguments->seeds)) return false;
    } else if (name == "--from") {
      if (!ParseNumber(value, &arguments->from)) return false;
    } else if (name == "--scenario" && FindScenario(value) != nullptr) {
      arguments->scenario = value;
    } else {
      return false;
    }
  }
  return count % 2 == 1;
}

// Whether all runs passed.
bool Explore(const Scenario& scenario, const Arguments& arguments) {
  ScenarioRun run(scenario);
  uint64_t steps = 0;
  for (uint64_t seed = arguments.from; seed - arguments.from < arguments.seeds; seed++) {
    const Outcome outcome = run.Run(seed);
    steps += outcome.steps;
    if (outcome.fault.empty()) continue;
    std::printf("  FAIL  %s: %s\n%s", scenario.name, outcome.fault.c_str(), outcome.trace.c_str());
    std::printf("  again: npm run explore -- --scenario %s --from %llu --seeds 1\n", scenario.name,
                static_cast<unsigned long long>(seed));
    return false;
  }
  std::printf("  ok    %s: %llu runs, %llu accesses\n", scenario.name,
              static_cast<unsigned long long>(arguments.seeds),
              static_cast<unsigned long long>(steps));
  return true;
}

}  // namespace

int main(int count, char** values) {
  Arguments arguments;
  if (!Parse(count, values, &arguments)) {
    std::fprintf(stderr, "usage: [--seeds N] [--from S] [--scenario NAME]   scenarios:");
    for (const Scenario& scenario : Scenarios()) std::fprintf(stderr, " %s", scenario.name);
    std::fprintf(stderr, "\n");
    return 2;
  }
  int passed = 0;
  int failed = 0;
  for (const Scenario& scenario : Scenarios()) {
    if (!arguments.scenario.empty() && arguments.scenario != scenario.name) continue;
    (Explore(scenario, arguments) ? passed : failed)++;
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
