#pragma once

// The names of the objects that two processes share. They are visible in one session of a user.

#include <cstddef>

#include "platform/shared_memory.h"

namespace shmwire::platform {

// The objects that belong to one segment. Its creator creates them; the peer opens them.
enum class ObjectKind : wchar_t {
  kMemory = L'm',
  kDoorbell = L'd',  // wakes the event loop of the creator
  kSequence = L's',  // wakes the peer, which waits for the creator's wake sequence
};

// Local\shmwire-<32 hexadecimal digits>-<kind>
class ObjectName {
 public:
  ObjectName(const MemoryId& id, ObjectKind kind);
  [[nodiscard]] const wchar_t* text() const { return text_; }

 private:
  wchar_t text_[64];
};

}  // namespace shmwire::platform
