#pragma once

// Child processes for tests that fork.

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>

#include "test/process_state.h"

namespace shmwire::test {

// One, or two in an emulator that has a thread of its own.
inline const size_t kThreadsAtStart = ThreadCount();

// A fork copies one thread. A lock that another thread holds at that moment, for example one of
// AddressSanitizer, stays locked in the child. The thread that closes descriptors ends by itself.
inline void AwaitOnlyThread() {
  const timespec pause = {.tv_sec = 0, .tv_nsec = 100'000};
  constexpr int kPausesMax = 100'000;
  for (int count = 0; count < kPausesMax && ThreadCount() > kThreadsAtStart; count++) {
    nanosleep(&pause, nullptr);
  }
  REQUIRE(ThreadCount() == kThreadsAtStart);
}

enum class ForkWhen : uint8_t { kOnlyThread, kAtOnce };

// Runs `body` in a forked child and exits with its result. The destructor kills the child.
class Child {
 public:
  explicit Child(const std::function<int()>& body, ForkWhen when = ForkWhen::kOnlyThread) {
    if (when == ForkWhen::kOnlyThread) AwaitOnlyThread();
    pid_ = fork();
    REQUIRE(pid_ >= 0);
    // Without destructors and exit handlers, which belong to the parent.
    if (pid_ == 0) _exit(body());
  }
  ~Child() {
    if (pid_ > 0) Kill();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }

  void Kill() {
    kill(pid_, SIGKILL);
    Join();
  }
  // The exit status; -1 if a signal ended the child.
  int Join() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = -1;
};

}  // namespace shmwire::test
