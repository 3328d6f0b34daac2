#include "test/on_core.h"

#include <sched.h>

namespace shmwire::test {
namespace {

void Allow(const std::vector<int>& cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(core, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

}  // namespace

OnCore::OnCore(int nth) {
  cpu_set_t set;
  sched_getaffinity(0, sizeof(set), &set);
  for (int core = 0; core < CPU_SETSIZE; core++) {
    if (CPU_ISSET(core, &set)) allowed_.push_back(core);
  }
  Allow({allowed_[static_cast<size_t>(nth) % allowed_.size()]});
}

OnCore::~OnCore() { Allow(allowed_); }

}  // namespace shmwire::test
