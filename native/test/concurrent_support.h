#pragma once

// Support for the tests with two threads.

#include <sched.h>

#include <functional>
#include <thread>

#include "test/endpoint_support.h"

namespace shmwire::test {

// Each thread keeps its own verdict, because doctest's assertions are not thread-safe.
struct Verdict {
  const char* fault = nullptr;
  void Expect(bool held, const char* what) {
    if (!held && fault == nullptr) fault = what;
  }
};

// Keeps the calling thread on the nth core that it may use. Two threads on one core cannot race,
// and schedulers like to put threads that wake each other on one core.
class OnCore {
 public:
  explicit OnCore(int nth) {
    cpu_set_t one;
    CPU_ZERO(&one);
    sched_getaffinity(0, sizeof(allowed_), &allowed_);
    const int chosen = nth % CPU_COUNT(&allowed_);
    for (int core = 0, found = 0; core < CPU_SETSIZE; core++) {
      if (CPU_ISSET(core, &allowed_) && found++ == chosen) CPU_SET(core, &one);
    }
    sched_setaffinity(0, sizeof(one), &one);
  }
  ~OnCore() { sched_setaffinity(0, sizeof(allowed_), &allowed_); }
  OnCore(const OnCore&) = delete;
  OnCore& operator=(const OnCore&) = delete;

 private:
  cpu_set_t allowed_;
};

// Runs each in a thread and on a core of its own.
inline void RunBoth(const std::function<void(Verdict*)>& first,
                    const std::function<void(Verdict*)>& second) {
  Verdict first_verdict;
  Verdict second_verdict;
  std::thread first_thread([&] {
    const OnCore core(0);
    first(&first_verdict);
  });
  std::thread second_thread([&] {
    const OnCore core(1);
    second(&second_verdict);
  });
  first_thread.join();
  second_thread.join();
  for (const Verdict& verdict : {first_verdict, second_verdict}) {
    INFO(verdict.fault);
    CHECK(verdict.fault == nullptr);
  }
}

inline uint64_t PrintedSeed() {
  const uint64_t seed = Seed();
  MESSAGE("SHMWIRE_TEST_SEED=", seed);
  return seed;
}

}  // namespace shmwire::test
