#include "platform/wait_word.h"

#include <algorithm>

#include "platform/windows/named_event.h"
#include "platform/windows/windows_api.h"

namespace shmwire::platform {
namespace {

constexpr uint64_t kNanosPerMs = 1'000'000;
// Longer waits return early, which the contract allows.
constexpr uint64_t kWaitMsMax = 3'600'000;

}  // namespace

void WaitOnWord(const uint32_t* word, uint32_t expected, uint64_t timeout_nanos,
                const Handle& event) {
  // SYNC(wake.sequence): stored before WakeWord sets the event, which stays set. seq_cst like every
  // load after an arming.
  if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != expected) return;
  const uint64_t ms = timeout_nanos / kNanosPerMs + (timeout_nanos % kNanosPerMs == 0 ? 0 : 1);
  WaitForSingleObject(Native(event), static_cast<DWORD>(std::min(ms, kWaitMsMax)));
}

void WakeWord(const uint32_t* /*word*/, const Handle& event) {
  if (event.valid()) SetEvent(Native(event));
}

}  // namespace shmwire::platform
