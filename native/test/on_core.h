#pragma once

#include <vector>

namespace shmwire::test {

// Keeps the calling thread on the nth core that it may use. Two threads on one core cannot race,
// and schedulers like to put threads that wake each other on one core. Each system implements this
// in its own folder; without effect where a thread cannot be kept on a core.
class OnCore {
 public:
  explicit OnCore(int nth);
  ~OnCore();
  OnCore(const OnCore&) = delete;
  OnCore& operator=(const OnCore&) = delete;

 private:
  std::vector<int> allowed_;
};

}  // namespace shmwire::test
