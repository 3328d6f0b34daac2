#pragma once

// Blocking waits on a word of shared memory, across processes. The waiter needs only a read-only
// mapping.

#include <cstdint>

namespace shmwire::platform {

// Blocks while `*word == expected`, at most `timeout_nanos`. May return at any time without a
// reason: look again and keep your own deadline.
void WaitOnWord(const uint32_t* word, uint32_t expected, uint64_t timeout_nanos);

// Wakes all that wait on the word, in any process. Change the word first.
void WakeWord(const uint32_t* word);

}  // namespace shmwire::platform
