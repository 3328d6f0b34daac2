#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "platform/process.h"

TEST_SUITE_BEGIN("start_time_test");

namespace shmwire::platform {

TEST_CASE("reports the start time of the process in the system's ticks") {
  std::ifstream stat("/proc/self/stat");
  std::string text;
  std::getline(stat, text);
  std::istringstream rest(text.substr(text.rfind(')') + 2));
  std::string field;
  for (int number = 3; number <= 22; number++) rest >> field;
  CHECK(CurrentProcessStartTime() == std::strtoull(field.c_str(), nullptr, 10));
}

}  // namespace shmwire::platform

TEST_SUITE_END();
