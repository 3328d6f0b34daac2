#pragma once

// Blocking waits on a word of shared memory, across processes, through a read-only mapping.

#include <cstdint>

#include "platform/handle.h"

namespace shmwire::platform {

// Blocks while `*word == expected`, at most for `timeout_nanos`. May return early for no reason:
// check the word again, and keep your own deadline. `event`: of WaitObjects.
void WaitOnWord(const uint32_t* word, uint32_t expected, uint64_t timeout_nanos,
                const Handle& event = Handle());

// Wakes all waiters on the word, in every process. Change the word first. With an event, there may
// be one waiter only.
void WakeWord(const uint32_t* word, const Handle& event = Handle());

}  // namespace shmwire::platform
