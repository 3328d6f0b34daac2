#include "platform/wait_word.h"

#include "test/explore/explored_access.h"

namespace shmwire::platform {

void WaitOnWord(const uint32_t* word, uint32_t expected, uint64_t timeout_nanos,
                const Handle& /*event*/) {
  explore::WaitOnWord(word, expected, timeout_nanos);
}

void WakeWord(const uint32_t* word, const Handle& /*event*/) { explore::WakeWord(word); }

}  // namespace shmwire::platform
