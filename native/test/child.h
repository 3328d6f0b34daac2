#pragma once

// Child processes of tests that fork.

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

namespace shmwire::test {

// Runs `body` in a forked child, whose exit status is what it returns. Killed with this object.
class Child {
 public:
  explicit Child(const std::function<int()>& body) : pid_(fork()) {
    REQUIRE(pid_ >= 0);
    // Without destructors and exit handlers: those are the parent's.
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
  // The exit status, or -1 when it was killed.
  int Join() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_;
};

}  // namespace shmwire::test
