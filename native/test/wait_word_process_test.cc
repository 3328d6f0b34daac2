#include "platform/wait_word.h"

#include <ctime>

#include "core/segment.h"
#include "platform/process.h"
#include "test/child.h"
#include "test/support.h"

TEST_SUITE_BEGIN("wait_word_process_test");

namespace shmwire {

TEST_CASE("returns at once when the word has another value") {
  const OwnSegment own = test::MakeSegment();
  own.control()->wake_sequence.StoreSeqCst(1);
  platform::WaitOnWord(own.control()->wake_sequence.address(), 0, test::kNeverNanos);
}

TEST_CASE("ends at its timeout") {
  const OwnSegment own = test::MakeSegment();
  constexpr uint64_t kNanos = 20'000'000;
  const uint64_t before = platform::MonotonicNanos();
  platform::WaitOnWord(own.control()->wake_sequence.address(), 0, kNanos);
  CHECK(platform::MonotonicNanos() - before >= kNanos);
}

TEST_CASE("wakes a process that waits on a read-only mapping") {
  for (int round = 0; round < 20; round++) {
    const OwnSegment own = test::MakeSegment();
    test::Child child([&] {
      PeerSegment peer;
      if (!PeerSegment::Map(own.handle(), &peer).ok()) return 1;
      const SharedWord<uint32_t>& sequence = peer.control()->wake_sequence;
      const uint64_t deadline = platform::MonotonicNanos() + test::kNeverNanos;
      while (sequence.LoadSeqCst() == 0) {
        platform::WaitOnWord(sequence.address(), 0, test::kNeverNanos);
        if (platform::MonotonicNanos() >= deadline) return 2;
      }
      return 0;
    });
    // In most rounds the child has time to fall asleep, in some it has not.
    const timespec pause = {.tv_sec = 0, .tv_nsec = round % 4 * 5'000'000};
    nanosleep(&pause, nullptr);
    own.control()->wake_sequence.StoreSeqCst(1);
    platform::WakeWord(own.control()->wake_sequence.address());
    CHECK(child.Join() == 0);
  }
}

}  // namespace shmwire

TEST_SUITE_END();
