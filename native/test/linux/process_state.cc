#include "test/process_state.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace shmwire::test {

size_t SegmentMappingCount() {
  std::ifstream maps("/proc/self/maps");
  size_t count = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("/memfd:shmwire") != std::string::npos) count++;
  }
  return count;
}

size_t ThreadCount() {
  const auto threads = std::filesystem::directory_iterator("/proc/self/task");
  return static_cast<size_t>(std::distance(threads, {}));
}

}  // namespace shmwire::test
