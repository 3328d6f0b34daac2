#pragma once

// Runs actors over shared memory, one at a time. At each access, a schedule chooses the actor that
// continues. Each run is one interleaving of the real core, and one seed always gives the same run.
//
// Stores wait in buffers (store_buffer.h), and loads return older values (load_window.h), as far as
// their orders allow. Futexes, doorbells and the clock are simulated. An actor that sleeps runs
// again when it is woken, or when all sleep and its deadline is the next. When all sleep and none
// has a deadline, a wake-up was lost.
//
// Not explored: loads that are satisfied after a later store, and accesses of a peer that breaks
// the rules.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "test/explore/fiber.h"
#include "test/explore/load_window.h"
#include "test/explore/mutation.h"
#include "test/explore/schedule.h"
#include "test/explore/store_buffer.h"
#include "test/explore/trace.h"
#include "test/explore/visible_memory.h"

namespace shmwire::explore {

struct Outcome {
  std::string fault;  // empty: no fault
  std::string trace;  // of a run with a fault
  uint64_t steps = 0;
};

class Explorer {
 public:
  // The explorer of the running actor; null outside of a run.
  static Explorer* Running();

  // Runs each of `actors` to its end, or until a fault.
  Outcome Run(const std::vector<std::function<void()>>& actors, Schedule schedule,
              const Mutation& mutation);

  // The running actor calls the following.
  void Load(const std::byte* from, std::memory_order order, std::byte* value, size_t bytes);
  void Store(std::byte* to, std::memory_order order, const std::byte* value, size_t bytes);
  void Copy(std::byte* to, const std::byte* from, size_t bytes);
  void ReleaseFence();
  void AcquireFence();
  void WaitOnWord(const uint32_t* word, uint32_t expected, uint64_t timeout_nanos);
  // Enters a system call: all earlier stores become visible, and another actor may run.
  void EnterSystem();
  // Sleeps until another actor wakes `key`, or until the timeout.
  void Sleep(const void* key, uint64_t timeout_nanos);
  void Wake(const void* key);
  // The pages of an elastic ring. A system call.
  void AddPages(const std::byte* base);
  void YieldCpu();
  [[nodiscard]] uint64_t now_nanos() const { return now_nanos_; }
  // Ends the run. `fault` is a literal.
  void Fail(const char* fault);

 private:
  struct Actor {
    explicit Actor(VisibleMemory* memory) : buffer(memory, &window) {}

    Fiber fiber;
    LoadWindow window;
    StoreBuffer buffer;
    const void* sleeps_on = nullptr;
    uint64_t deadline_nanos = 0;
    bool done = true;
  };
  // Thrown in an actor that ends early, so that its stack is unwound.
  struct Stopped {};

  // Ends the run if the accessed page does not exist.
  void RequirePage(const Place& place);
  void Begin(size_t index, const std::function<void()>& body);
  // Lets the schedule choose an actor. Returns when it chooses the caller again.
  void Step();
  void Reschedule();
  [[nodiscard]] bool AdvanceClock();
  void SwitchTo(size_t index);
  void LeaveActors();
  void UnwindAll();
  [[nodiscard]] Actor& current() { return *actors_[current_]; }
  // Loads as the current actor sees it. Returns how many stores have become visible since.
  uint64_t LoadAsSeen(const std::byte* from, std::memory_order order, std::byte* value,
                      size_t bytes);
  void Record(Event event, const Place& place = {},
              std::memory_order order = std::memory_order_relaxed, uint64_t value = 0,
              uint64_t late = 0);

  Fiber main_;
  VisibleMemory memory_;
  std::vector<std::unique_ptr<Actor>> actors_;  // kept between runs, for their stacks
  std::vector<bool> runnable_;
  Schedule schedule_ = Schedule::InTurn(0);
  Mutation mutation_;
  Trace trace_;
  Outcome outcome_;
  size_t current_ = 0;
  uint64_t now_nanos_ = 0;
  bool stopping_ = false;
};

// Ends the actor's run unless `held`.
void Expect(bool held, const char* what);

}  // namespace shmwire::explore
