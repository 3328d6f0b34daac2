#include "platform/wait_word.h"

#include <ctime>

#include "core/segment.h"
#include "platform/process.h"
#include "test/child.h"
#include "test/support.h"

TEST_SUITE_BEGIN("wait_word_process_test");

namespace shmwire {

TEST_CASE("a wait on another value returns at once") {
  const OwnSegment own = test::MakeSegment();
  own.control()->signal.StoreSeqCst(1);
  platform::WaitOnWord(own.control()->signal.address(), 0, test::kNeverNanos);
}

TEST_CASE("a wait ends with its time") {
  const OwnSegment own = test::MakeSegment();
  constexpr uint64_t kNanos = 20'000'000;
  const uint64_t before = platform::MonotonicNanos();
  platform::WaitOnWord(own.control()->signal.address(), 0, kNanos);
  CHECK(platform::MonotonicNanos() - before >= kNanos);
}

TEST_CASE("a process that waits on a read-only mapping is woken by the owner") {
  for (int round = 0; round < 20; round++) {
    const OwnSegment own = test::MakeSegment();
    test::Child child([&] {
      PeerSegment peer;
      if (!PeerSegment::Map(own.handle(), &peer).ok()) return 1;
      const SharedWord<uint32_t>& signal = peer.control()->signal;
      const uint64_t deadline = platform::MonotonicNanos() + test::kNeverNanos;
      while (signal.LoadSeqCst() == 0) {
        platform::WaitOnWord(signal.address(), 0, test::kNeverNanos);
        if (platform::MonotonicNanos() >= deadline) return 2;
      }
      return 0;
    });
    // Most rounds give the child time to fall asleep, some do not.
    const timespec pause = {.tv_sec = 0, .tv_nsec = round % 4 * 5'000'000};
    nanosleep(&pause, nullptr);
    own.control()->signal.StoreSeqCst(1);
    platform::WakeWord(own.control()->signal.address());
    CHECK(child.Join() == 0);
  }
}

}  // namespace shmwire

TEST_SUITE_END();
