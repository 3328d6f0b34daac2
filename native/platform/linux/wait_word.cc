#include "platform/wait_word.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <ctime>

namespace shmwire::platform {
namespace {

constexpr uint64_t kNanosPerSecond = 1'000'000'000;
// Longer waits return early, which the contract allows.
constexpr uint64_t kWaitSecondsMax = 3600;

}  // namespace

// Without FUTEX_PRIVATE_FLAG, which keys the word by address space: the peer is in another one.
// EAGAIN, EINTR and ETIMEDOUT mean the same to the caller: check the word again (futex(2)).
void WaitOnWord(const uint32_t* word, uint32_t expected, uint64_t timeout_nanos,
                const Handle& /*event*/) {
  const uint64_t seconds = timeout_nanos / kNanosPerSecond;
  timespec timeout{};
  timeout.tv_sec = static_cast<time_t>(seconds < kWaitSecondsMax ? seconds : kWaitSecondsMax);
  timeout.tv_nsec = static_cast<decltype(timeout.tv_nsec)>(timeout_nanos % kNanosPerSecond);
  syscall(SYS_futex, word, FUTEX_WAIT, expected, &timeout, nullptr, 0);
}

void WakeWord(const uint32_t* word, const Handle& /*event*/) {
  syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace shmwire::platform
