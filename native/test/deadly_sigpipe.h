#pragma once

// SIGPIPE with its default effect, which ends the process.

#include <csignal>

namespace shmwire::test {

// Until its destruction. A runtime may ignore the signal, and hide that a call raises it.
class DeadlySigpipe {
 public:
  DeadlySigpipe() {
    struct sigaction deadly {};
    deadly.sa_handler = SIG_DFL;
    sigaction(SIGPIPE, &deadly, &previous_);
  }
  ~DeadlySigpipe() { sigaction(SIGPIPE, &previous_, nullptr); }
  DeadlySigpipe(const DeadlySigpipe&) = delete;
  DeadlySigpipe& operator=(const DeadlySigpipe&) = delete;

 private:
  struct sigaction previous_ {};
};

}  // namespace shmwire::test
