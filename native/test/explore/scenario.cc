#include "test/explore/scenario.h"

#include <algorithm>
#include <array>
#include <utility>

namespace shmwire::explore {
namespace {

constexpr SleepMode kLoop = SleepMode::kEventLoop;
constexpr SleepMode kBlocked = SleepMode::kBlocked;
// As many records of the largest size fill a ring.
constexpr uint32_t kFull = kRecordsPerRingMin;
constexpr uint32_t kQuarter = kFull / 4;

constexpr Scenario Topic(const char* name, const TopicOptions& options) {
  Scenario scenario;
  scenario.name = name;
  scenario.program = Program::kTopic;
  scenario.topic = options;
  return scenario;
}

constexpr Scenario Cell(const char* name, const CellOptions& options) {
  Scenario scenario;
  scenario.name = name;
  scenario.program = Program::kCell;
  scenario.cell = options;
  return scenario;
}

constexpr uint64_t kElasticBytes = 2 * kSmallRingBytes;
// As many records of the largest size fill a ring that has not grown.
constexpr uint32_t kSmallFull = kFull - 1;
constexpr uint32_t kExactFull = 23;
// The ring has grown, and its end was passed.
constexpr uint32_t kGrown = kSmallFull + 3 * kFull;

constexpr Scenario Elastic(const char* name, const SideOptions& writer, const SideOptions& reader) {
  Scenario scenario;
  scenario.name = name;
  scenario.sides[0] = writer;
  scenario.sides[1] = reader;
  scenario.ring_bytes = kElasticBytes;
  return scenario;
}

// The least that lets the ring grow. Nothing after it could compensate for a lost wake-up.
constexpr Scenario ElasticOnce(const char* name, SleepMode sleeps) {
  constexpr uint32_t kBefore = 2 * kFull;
  Scenario scenario =
      Elastic(name, {.sleeps = sleeps, .sends = kBefore + kFull, .sizes = Sizes::kOffered},
              {.sleeps = sleeps, .receives = kBefore});
  scenario.offered = true;
  return scenario;
}

constexpr std::array kScenarios = {
    Scenario{"loop-data", {{.sleeps = kLoop, .sends = 3}, {.sleeps = kLoop, .receives = 3}}},
    Scenario{"blocked-data",
             {{.sleeps = kBlocked, .sends = 3}, {.sleeps = kBlocked, .receives = 3}}},
    Scenario{"loop-room",
             {{.sleeps = kLoop, .sends = kFull + 2, .sizes = Sizes::kLargest, .sends_first = kFull},
              {.sleeps = kLoop, .receives = kFull + 2}}},
    Scenario{
        "blocked-room",
        {{.sleeps = kBlocked, .sends = kFull + 2, .sizes = Sizes::kLargest, .sends_first = kFull},
         {.sleeps = kBlocked, .receives = kFull + 2}}},
    // The least data that causes a wake-up. Nothing after it could compensate for a lost one.
    Scenario{"loop-room-once",
             {{.sleeps = kLoop, .sends = kFull + 1, .sizes = Sizes::kLargest, .sends_first = kFull},
              {.sleeps = kLoop, .receives = kQuarter}}},
    Scenario{
        "blocked-room-once",
        {{.sleeps = kBlocked, .sends = kFull + 1, .sizes = Sizes::kLargest, .sends_first = kFull},
         {.sleeps = kBlocked, .receives = kQuarter}}},
    Scenario{"loop-fragments",
             {{.sleeps = kLoop, .sends = 2, .sizes = Sizes::kFragments},
              {.sleeps = kLoop, .receives = 2}}},
    Scenario{"blocked-fragments",
             {{.sleeps = kBlocked, .sends = 2, .sizes = Sizes::kFragments},
              {.sleeps = kBlocked, .receives = 2}}},
    Scenario{"loop-both-ways",
             {{.sleeps = kLoop, .sends = 2, .receives = 2},
              {.sleeps = kLoop, .sends = 2, .receives = 2}}},
    // Each side waits for data and for room at once.
    Scenario{"blocked-both-ways",
             {{.sleeps = kBlocked,
               .sends = kFull + 2,
               .receives = kFull + 1,
               .sizes = Sizes::kLargest,
               .sends_first = kFull},
              {.sleeps = kBlocked,
               .sends = kFull + 1,
               .receives = kFull + 2,
               .sizes = Sizes::kLargest,
               .sends_first = kFull}}},
    Scenario{"mixed-sleepers",
             {{.sleeps = kBlocked, .sends = 3, .receives = 2, .sizes = Sizes::kMixed},
              {.sleeps = kLoop, .sends = 2, .receives = 3, .sizes = Sizes::kMixed}}},
    Scenario{"close-wakes-reader",
             {{.sleeps = kBlocked, .sends = 2, .closes = true},
              {.sleeps = kBlocked, .receives = 2, .sees_close = true}}},
    Scenario{"close-after-one",
             {{.sleeps = kBlocked, .sends = 1, .closes = true},
              {.sleeps = kBlocked, .receives = 1, .sees_close = true}}},
    Scenario{"close-wakes-writer",
             {{.sleeps = kBlocked,
               .sends = kFull + 4,
               .sizes = Sizes::kLargest,
               .sees_close = true,
               .sends_first = kFull},
              {.sleeps = kBlocked, .receives = 1, .closes = true}}},
    Scenario{"claims-in-place",
             {{.sleeps = kLoop,
               .sends = kFull + 3,
               .sizes = Sizes::kLargest,
               .claims = true,
               .sends_first = kFull - 1},
              {.sleeps = kLoop, .receives = kFull + 3, .in_place = true}}},
    Elastic("elastic-loop",
            {.sleeps = kLoop, .sends = kGrown, .sizes = Sizes::kLargest, .sends_first = kSmallFull},
            {.sleeps = kLoop, .receives = kGrown}),
    Elastic(
        "elastic-blocked",
        {.sleeps = kBlocked, .sends = kGrown, .sizes = Sizes::kLargest, .sends_first = kSmallFull},
        {.sleeps = kBlocked, .receives = kGrown}),
    Elastic("elastic-exact",
            {.sleeps = kLoop,
             .sends = kExactFull + 8,
             .sizes = Sizes::kExact,
             .sends_first = kExactFull},
            {.sleeps = kLoop, .receives = kExactFull + 8}),
    Elastic("elastic-fragments", {.sleeps = kBlocked, .sends = 5, .sizes = Sizes::kFragments},
            {.sleeps = kLoop, .receives = 5}),
    Elastic("elastic-claims-in-place",
            {.sleeps = kLoop,
             .sends = kGrown,
             .sizes = Sizes::kLargest,
             .claims = true,
             .sends_first = kSmallFull},
            {.sleeps = kLoop, .receives = kGrown, .in_place = true}),
    ElasticOnce("elastic-loop-once", kLoop),
    ElasticOnce("elastic-blocked-once", kBlocked),
    Topic("topic-data", {.publishes = 3}),
    // The writer overtakes the reader.
    Topic("topic-laps",
          {.publishes_first = kFull, .publishes = kFull, .start = SeekStart::kOldest}),
    Topic("topic-laps-once",
          {.publishes_first = kFull, .publishes = 2, .start = SeekStart::kOldest}),
    // The reader chooses its position meanwhile.
    Topic("topic-seeks-next", {.publishes_first = 1, .publishes = 3}),
    Topic("topic-seeks-last", {.publishes = kFull, .start = SeekStart::kLast}),
    Topic("topic-seeks-sequence",
          {.publishes_first = kFull - 2, .publishes = 4, .start = SeekStart::kSequence}),
    Topic("topic-blocks",
          {.publishes_first = kFull, .publishes = 3, .start = SeekStart::kOldest, .blocks = true}),
    // The least that makes room. Nothing after it could compensate for a lost wake-up.
    Topic("topic-blocks-once", {.publishes_first = kFull,
                                .publishes = 1,
                                .start = SeekStart::kOldest,
                                .blocks = true,
                                .reads = 1}),
    Topic("topic-closes", {.publishes = 1, .closes = true}),
    Cell("cell-data", {.sets = 2}),
    // The writer overtakes the reader.
    Cell("cell-laps", {.sets = 7}),
    Cell("cell-closes", {.sets = 1, .closes = true}),
};

}  // namespace

std::span<const Scenario> Scenarios() { return kScenarios; }

const Scenario* FindScenario(std::string_view name) {
  const auto* found =
      std::find_if(kScenarios.begin(), kScenarios.end(),
                   [name](const Scenario& scenario) { return scenario.name == name; });
  return found == kScenarios.end() ? nullptr : found;
}

ScenarioRun::ScenarioRun(const Scenario& scenario) : scenario_(scenario) {
  steps_ = RunBy(Schedule::InTurn(2), 0, {}).steps;
}

Outcome ScenarioRun::Run(uint64_t seed, const Mutation& mutation) {
  return RunBy(Schedule(seed, 2, steps_), seed, mutation);
}

Outcome ScenarioRun::RunBy(Schedule schedule, uint64_t seed, const Mutation& mutation) {
  if (scenario_.program == Program::kTopic) {
    TopicRun run(scenario_.topic);
    return explorer_.Run({[&run] { run.Publish(); }, [&run] { run.Read(); }}, std::move(schedule),
                         mutation);
  }
  if (scenario_.program == Program::kCell) {
    CellRun run(scenario_.cell);
    return explorer_.Run({[&run] { run.Write(); }, [&run] { run.Read(); }}, std::move(schedule),
                         mutation);
  }
  Connection connection(scenario_.ring_bytes);
  Side first(&connection, 0, seed, scenario_.sides[0], scenario_.sides[1]);
  Side second(&connection, 1, seed, scenario_.sides[1], scenario_.sides[0]);
  first.Prepare();
  second.Prepare();
  if (scenario_.offered) first.PrepareOffer(&second);
  return explorer_.Run({[&first] { first.Run(); }, [&second] { second.Run(); }},
                       std::move(schedule), mutation);
}

}  // namespace shmwire::explore
