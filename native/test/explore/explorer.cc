#include "test/explore/explorer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "test/explore/explored_access.h"

namespace shmwire::explore {
namespace {

// Far above the steps of any run: a longer one does not end.
constexpr uint64_t kStepsMax = 200'000;
// A wait of at least this time has no deadline: the clock does not advance for it.
constexpr uint64_t kForeverNanos = UINT64_MAX / 2;
// Another actor may run in the middle of a long copy, at this many places.
constexpr size_t kCopyPieces = 3;
constexpr size_t kPieceAlignment = 8;
constexpr size_t kWholePieceBytesMax = 16;

Explorer* running = nullptr;

}  // namespace

Explorer* Explorer::Running() { return running; }

Outcome Explorer::Run(const std::vector<std::function<void()>>& actors, Schedule schedule,
                      const Mutation& mutation) {
  schedule_ = std::move(schedule);
  mutation_ = mutation;
  outcome_ = {};
  trace_.Clear();
  memory_.Clear();
  now_nanos_ = 0;
  while (actors_.size() < actors.size()) actors_.push_back(std::make_unique<Actor>(&memory_));
  runnable_.assign(actors.size(), true);
  for (size_t index = 0; index < actors.size(); index++) Begin(index, actors[index]);
  running = this;
  current_ = schedule_.Next(runnable_, 0);
  current().fiber.SwitchFrom(&main_);
  UnwindAll();
  running = nullptr;
  if (!outcome_.fault.empty()) outcome_.trace = trace_.Text();
  return outcome_;
}

void Explorer::Begin(size_t index, const std::function<void()>& body) {
  Actor& actor = *actors_[index];
  actor.buffer.Clear();
  actor.window.Clear();
  actor.sleeps_on = nullptr;
  actor.done = false;
  actor.fiber.Start([this, index, body] {
    try {
      body();
      EnterSystem();
      Record(Event::kDone);
    } catch (const Stopped&) {
      // The run has ended, and its verdict stands.
    }
    actors_[index]->done = true;
    runnable_[index] = false;
    if (stopping_) LeaveActors();
    Reschedule();
  });
}

void Explorer::UnwindAll() {
  stopping_ = true;
  for (size_t index = 0; index < runnable_.size(); index++) {
    if (actors_[index]->done) continue;
    current_ = index;
    current().fiber.SwitchFrom(&main_);
  }
  stopping_ = false;
}

void Explorer::LeaveActors() { main_.SwitchFrom(&current().fiber); }

void Explorer::SwitchTo(size_t index) {
  if (index == current_) return;
  Actor& from = current();
  current_ = index;
  current().fiber.SwitchFrom(&from.fiber);
  if (stopping_) throw Stopped();
}

void Explorer::Fail(const char* fault) {
  if (stopping_) return;
  outcome_.fault = fault;
  LeaveActors();
  throw Stopped();
}

void Explorer::Step() {
  outcome_.steps++;
  if (outcome_.steps > kStepsMax) Fail("the run does not end");
  if (schedule_.StoreLeaves()) {
    Random* random = schedule_.random();
    actors_[random->Below(runnable_.size())]->buffer.LetOneLeave(random);
  }
  SwitchTo(schedule_.Next(runnable_, current_));
}

void Explorer::Reschedule() {
  const bool anyone = std::find(runnable_.begin(), runnable_.end(), true) != runnable_.end();
  if (!anyone && !AdvanceClock()) {
    const bool all_done = std::all_of(actors_.begin(), actors_.begin() + runnable_.size(),
                                      [](const auto& actor) { return actor->done; });
    if (all_done) LeaveActors();
    Fail("LOST WAKE-UP: every actor that is not done sleeps without end");
  }
  SwitchTo(schedule_.Next(runnable_, current_));
}

bool Explorer::AdvanceClock() {
  Actor* next = nullptr;
  size_t next_index = 0;
  for (size_t index = 0; index < runnable_.size(); index++) {
    Actor& actor = *actors_[index];
    if (actor.done || actor.deadline_nanos >= kForeverNanos) continue;
    if (next != nullptr && next->deadline_nanos <= actor.deadline_nanos) continue;
    next = &actor;
    next_index = index;
  }
  if (next == nullptr) return false;
  now_nanos_ = std::max(now_nanos_, next->deadline_nanos);
  next->sleeps_on = nullptr;
  runnable_[next_index] = true;
  return true;
}

uint64_t Explorer::LoadAsSeen(const std::byte* from, std::memory_order order, std::byte* value,
                              size_t bytes) {
  Actor& actor = current();
  if (order == std::memory_order_seq_cst) actor.buffer.LetSeqCstLeave();
  const Range range = {from, bytes};
  const uint64_t earliest = std::max(actor.window.Earliest(range, order), memory_.oldest());
  const uint64_t time = schedule_.LoadTime(earliest, memory_.now());
  memory_.Load(time, from, value, bytes);
  actor.buffer.Cover(from, value, bytes);
  actor.window.Loaded(range, order, time);
  return memory_.now() - time;
}

void Explorer::Load(const std::byte* from, std::memory_order order, std::byte* value,
                    size_t bytes) {
  if (stopping_) {
    std::memcpy(value, from, bytes);
    return;
  }
  const Place place = PlaceOf(from);
  RequirePage(place);
  if (mutation_.Is(MutationKind::kLoadOrder, place.part)) order = mutation_.order;
  Step();
  const uint64_t late = LoadAsSeen(from, order, value, bytes);
  if (mutation_.Is(MutationKind::kLoadsZero, place.part)) std::memset(value, 0, bytes);
  uint64_t loaded = 0;
  std::memcpy(&loaded, value, bytes);
  Record(Event::kLoad, place, order, loaded, late);
}

void Explorer::Store(std::byte* to, std::memory_order order, const std::byte* value, size_t bytes) {
  if (stopping_) {
    std::memcpy(to, value, bytes);
    return;
  }
  const Place place = PlaceOf(to);
  RequirePage(place);
  if (mutation_.Is(MutationKind::kStoreOrder, place.part)) order = mutation_.order;
  Step();
  if (mutation_.Is(MutationKind::kNoStore, place.part)) return;
  uint64_t stored = 0;
  std::memcpy(&stored, value, bytes);
  Record(Event::kStore, place, order, stored);
  current().buffer.Add(to, order, value, bytes);
  if (!schedule_.buffers()) current().buffer.LetAllLeave();
}

void Explorer::Copy(std::byte* to, const std::byte* from, size_t bytes) {
  if (stopping_) {
    std::memcpy(to, from, bytes);
    return;
  }
  const Place place = PlaceOf(to);
  RequirePage(place);
  RequirePage(PlaceOf(from));
  size_t piece_bytes = bytes;
  if (bytes > kWholePieceBytesMax) {
    piece_bytes = (bytes / kCopyPieces + kPieceAlignment) / kPieceAlignment * kPieceAlignment;
  }
  for (size_t at = 0; at < bytes; at += piece_bytes) {
    const size_t count = std::min(piece_bytes, bytes - at);
    Step();
    constexpr auto kRelaxed = std::memory_order_relaxed;
    if (place.part == Part::kPrivate) {
      const uint64_t late = LoadAsSeen(from + at, kRelaxed, to + at, count);
      Record(Event::kCopy, place, kRelaxed, count, late);
    } else {
      Record(Event::kCopy, place, kRelaxed, count);
      current().buffer.Add(to + at, kRelaxed, from + at, count);
      if (!schedule_.buffers()) current().buffer.LetAllLeave();
    }
  }
}

void Explorer::ReleaseFence() {
  if (stopping_ || mutation_.kind == MutationKind::kNoReleaseFence) return;
  Record(Event::kReleaseFence);
  current().buffer.Fence();
}

void Explorer::AcquireFence() {
  if (stopping_ || mutation_.kind == MutationKind::kNoAcquireFence) return;
  Record(Event::kAcquireFence);
  current().window.Fence();
}

void Explorer::EnterSystem() {
  if (stopping_) return;
  Step();
  current().buffer.LetAllLeave();
  current().window.Begin(memory_.now());
}

void Explorer::Sleep(const void* key, uint64_t timeout_nanos) {
  if (stopping_) return;
  Record(Event::kSleep);
  current().sleeps_on = key;
  current().deadline_nanos =
      timeout_nanos >= kForeverNanos ? UINT64_MAX : now_nanos_ + timeout_nanos;
  runnable_[current_] = false;
  Reschedule();
  Record(Event::kWoken);
}

void Explorer::Wake(const void* key) {
  EnterSystem();
  if (stopping_) return;
  Record(Event::kWake);
  for (size_t index = 0; index < runnable_.size(); index++) {
    Actor& actor = *actors_[index];
    if (actor.done || actor.sleeps_on != key) continue;
    actor.sleeps_on = nullptr;
    runnable_[index] = true;
  }
}

void Explorer::WaitOnWord(const uint32_t* word, uint32_t expected, uint64_t timeout_nanos) {
  EnterSystem();
  if (stopping_) return;
  if (*word == expected || mutation_.kind == MutationKind::kWaitsAnyway) Sleep(word, timeout_nanos);
}

void Explorer::AddPages(const std::byte* base) {
  EnterSystem();
  if (mutation_.kind != MutationKind::kNoPages) AddPagesOf(base);
}

void Explorer::RequirePage(const Place& place) {
  if (!place.exists) Fail("a page that does not exist is accessed");
}

void Explorer::YieldCpu() {
  if (stopping_) return;
  schedule_.Yield(current_);
  EnterSystem();
}

void Explorer::Record(Event event, const Place& place, std::memory_order order, uint64_t value,
                      uint64_t late) {
  trace_.Add({outcome_.steps, current_, event, place, order, value, late});
}

void Expect(bool held, const char* what) {
  if (!held && running != nullptr) running->Fail(what);
}

void Load(const std::byte* from, std::memory_order order, std::byte* value, size_t bytes) {
  if (running != nullptr) {
    running->Load(from, order, value, bytes);
  } else {
    std::memcpy(value, from, bytes);
  }
}

void Store(std::byte* to, std::memory_order order, const std::byte* value, size_t bytes) {
  if (running != nullptr) {
    running->Store(to, order, value, bytes);
  } else {
    std::memcpy(to, value, bytes);
  }
}

void Copy(std::byte* to, const std::byte* from, size_t bytes) {
  if (running != nullptr) {
    running->Copy(to, from, bytes);
  } else {
    std::memcpy(to, from, bytes);
  }
}

void ReleaseFence() {
  if (running != nullptr) running->ReleaseFence();
}

void AcquireFence() {
  if (running != nullptr) running->AcquireFence();
}

void WaitOnWord(const uint32_t* word, uint32_t expected, uint64_t timeout_nanos) {
  if (running != nullptr) running->WaitOnWord(word, expected, timeout_nanos);
}

void WakeWord(const uint32_t* word) {
  if (running != nullptr) running->Wake(word);
}

void AddPages(const std::byte* base) {
  if (running != nullptr) {
    running->AddPages(base);
  } else {
    AddPagesOf(base);
  }
}

void YieldCpu() {
  if (running != nullptr) running->YieldCpu();
}

uint64_t NowNanos() { return running == nullptr ? 0 : running->now_nanos(); }

}  // namespace shmwire::explore
