#include "platform/wait_word.h"

#include <dlfcn.h>
#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "platform/process.h"

namespace shmwire::platform {
namespace {

// Of <os/os_sync_wait_on_address.h>, which older SDKs do not have. macOS has them since 14.4.
using WaitCall = int (*)(void* address, uint64_t value, size_t bytes, uint32_t flags,
                         uint32_t clock, uint64_t timeout_nanos);
using WakeCall = int (*)(void* address, size_t bytes, uint32_t flags);
constexpr char kWaitName[] = "os_sync_wait_on_address_with_timeout";
constexpr char kWakeName[] = "os_sync_wake_by_address_all";
// OS_SYNC_WAIT_ON_ADDRESS_SHARED and OS_SYNC_WAKE_BY_ADDRESS_SHARED: the kernel identifies the word
// by its memory, not by its address in this process.
constexpr uint32_t kShared = 1;
// OS_CLOCK_MACH_ABSOLUTE_TIME
constexpr uint32_t kClock = 32;

// Longer waits return early, which the contract allows.
constexpr uint64_t kWaitNanosMax = uint64_t{3600} * 1'000'000'000;

constexpr uint64_t kNapNanosMin = 50'000;
constexpr uint64_t kNapNanosMax = 1'000'000;

// Both or none.
struct Calls {
  WaitCall wait = nullptr;
  WakeCall wake = nullptr;
};

// Not a static variable of a function, whose guard is in the C++ library.
pthread_once_t looked_up = PTHREAD_ONCE_INIT;
constinit Calls found;

void LookUp() {
  const Calls calls{reinterpret_cast<WaitCall>(dlsym(RTLD_DEFAULT, kWaitName)),
                    reinterpret_cast<WakeCall>(dlsym(RTLD_DEFAULT, kWakeName))};
  if (calls.wait != nullptr && calls.wake != nullptr) found = calls;
}

const Calls& SystemCalls() {
  pthread_once(&looked_up, LookUp);
  return found;
}

// Without a call of the system: a thread that waits long reads the word 1,000 times a second.
void PollWord(const uint32_t* word, uint32_t expected, uint64_t timeout_nanos) {
  const uint64_t deadline = DeadlineAfter(timeout_nanos);
  uint64_t nap_nanos = kNapNanosMin;
  // relaxed: the caller reads the word again, with the order that it needs.
  while (__atomic_load_n(word, __ATOMIC_RELAXED) == expected) {
    const uint64_t now = MonotonicNanos();
    if (now >= deadline) return;
    timespec nap{};
    nap.tv_nsec = static_cast<decltype(nap.tv_nsec)>(std::min(nap_nanos, deadline - now));
    nanosleep(&nap, nullptr);
    nap_nanos = std::min(2 * nap_nanos, kNapNanosMax);
  }
}

}  // namespace

void WaitOnWord(const uint32_t* word, uint32_t expected, uint64_t timeout_nanos,
                const Handle& /*event*/) {
  // 0 is an invalid argument of the system's call.
  if (timeout_nanos == 0) return;
  const uint64_t timeout = std::min(timeout_nanos, kWaitNanosMax);
  const WaitCall wait = SystemCalls().wait;
  if (wait == nullptr) return PollWord(word, expected, timeout);
  if (wait(const_cast<uint32_t*>(word), expected, sizeof(*word), kShared, kClock, timeout) >= 0) {
    return;
  }
  switch (errno) {
    case EINTR:
    case ETIMEDOUT:
    // The word is not in the page table. The caller reads it, so the next wait finds it there.
    case EFAULT:
      return;
    default:
      // For example, the peer waits on the word in another way. No busy loop: the caller waits
      // again.
      PollWord(word, expected, timeout);
  }
}

void WakeWord(const uint32_t* word, const Handle& /*event*/) {
  // Fails if no thread waits.
  if (const WakeCall wake = SystemCalls().wake; wake != nullptr) {
    wake(const_cast<uint32_t*>(word), sizeof(*word), kShared);
  }
}

}  // namespace shmwire::platform
