#include "platform/posix/stray_descriptors.h"

#include <fcntl.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "test/support.h"

TEST_SUITE_BEGIN("stray_descriptors_concurrent_test");

namespace shmwire::platform {

TEST_CASE("closes the descriptors of all threads while the closing thread starts and ends") {
  constexpr int kThreads = 4;
  constexpr int kRounds = 500;
  const size_t before = test::OpenDescriptorCount();
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int index = 0; index < kThreads; index++) {
    threads.emplace_back([] {
      for (int round = 0; round < kRounds; round++) {
        const int descriptors[] = {open("/dev/null", O_RDONLY | O_CLOEXEC),
                                   open("/dev/null", O_RDONLY | O_CLOEXEC)};
        CloseElsewhere(descriptors, 2);
        if (round % 8 == 0) std::this_thread::yield();
        // Bounds the number of open descriptors.
        while (StrayDescriptorsOpen() > 100) std::this_thread::yield();
        StrayDescriptorBacklog();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(test::OpenDescriptorCount() == before);
}

}  // namespace shmwire::platform

TEST_SUITE_END();
