#pragma once

// Small programs over one connection, one topic or one cell, each for one way to wait. In every
// interleaving, each message must arrive whole and in order, or be counted as lost by a topic, and
// no actor may sleep without end.

#include <cstdint>
#include <span>
#include <string_view>

#include "test/explore/cell_actors.h"
#include "test/explore/explorer.h"
#include "test/explore/side.h"
#include "test/explore/topic_actors.h"

namespace shmwire::explore {

enum class Program : uint8_t { kConnection, kTopic, kCell };

struct Scenario {
  const char* name = nullptr;
  SideOptions sides[2];
  Program program = Program::kConnection;
  TopicOptions topic{};
  CellOptions cell{};
  uint64_t ring_bytes = kRingBytesMin;
  bool offered = false;  // begins with Side::PrepareOffer
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
