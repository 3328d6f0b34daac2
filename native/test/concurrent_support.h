#pragma once

// Support for the tests with two threads.

#include <functional>
#include <thread>

#include "test/endpoint_support.h"
#include "test/on_core.h"

namespace shmwire::test {

// Each thread keeps its own verdict, because doctest's assertions are not thread-safe.
struct Verdict {
  const char* fault = nullptr;
  void Expect(bool held, const char* what) {
    if (!held && fault == nullptr) fault = what;
  }
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

}  // namespace shmwire::test
