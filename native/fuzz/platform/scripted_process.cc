#include "fuzz/platform/scripted_process.h"

#include <cstring>

#include "fuzz/require.h"
#include "platform/process.h"
#include "platform/wait_word.h"

namespace shmwire::fuzz {
namespace {

constexpr uint64_t kLookNanos = 500;

void Moment(uint64_t nanos) {
  Script& script = TheScript();
  script.nanos += nanos;
  if (script.moment) script.moment();
}

}  // namespace

Script& TheScript() {
  static Script script;
  return script;
}

}  // namespace shmwire::fuzz

namespace shmwire::platform {

uint32_t CurrentProcessId() { return 1; }

uint32_t CurrentUserId() { return 1; }

uint64_t CurrentProcessStartTime() { return 1; }

Status PeerCredentials(intptr_t /*native*/, Credentials* credentials) {
  *credentials = {1, 1, 1};
  return {};
}

bool HasHungUp(intptr_t /*native*/) { return fuzz::TheScript().hung_up; }

Status FillRandom(void* bytes, size_t count) {
  std::memset(bytes, 0x5A, count);
  return {};
}

// Sometimes a yield takes long, as if another program had the core.
void YieldCpu() { fuzz::Moment(fuzz::TheScript().nanos % 4 == 0 ? 2'000'000 : 1000); }

void Nap() { fuzz::Moment(60'000); }

uint64_t SystemCallNanos() { return 0; }

uint64_t MonotonicNanos() {
  fuzz::Moment(fuzz::kLookNanos);
  return fuzz::TheScript().nanos;
}

const char* OsErrorText(int32_t /*os_error*/, char* /*buffer*/, size_t /*buffer_bytes*/) {
  return "an error";
}

void WaitOnWord(const uint32_t* word, uint32_t expected, uint64_t timeout_nanos,
                const Handle& /*event*/) {
  fuzz::Script& script = fuzz::TheScript();
  if (script.moment) script.moment();
  // No other thread runs, so a value that has not arrived now will not arrive before the timeout.
  const uint32_t now = __atomic_load_n(word, __ATOMIC_SEQ_CST);
  if (now == expected) script.nanos += timeout_nanos;
}

// Reads the word, which must be mapped.
void WakeWord(const uint32_t* word, const Handle& /*event*/) {
  (void)__atomic_load_n(word, __ATOMIC_RELAXED);
}

}  // namespace shmwire::platform
