#include <doctest/doctest.h>
#include <sys/sysctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "platform/process.h"

TEST_SUITE_BEGIN("start_time_test");

namespace shmwire::platform {

TEST_CASE("reports the start time of the process in microseconds, as sysctl does") {
  int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, getpid()};
  kinfo_proc info{};
  size_t bytes = sizeof(info);
  REQUIRE(sysctl(name, 4, &info, &bytes, nullptr, 0) == 0);
  const timeval& start = info.kp_proc.p_starttime;
  CHECK(CurrentProcessStartTime() ==
        static_cast<uint64_t>(start.tv_sec) * 1'000'000 + static_cast<uint64_t>(start.tv_usec));
}

}  // namespace shmwire::platform

TEST_SUITE_END();
