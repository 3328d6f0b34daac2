#pragma once

// The memory of a fuzz target, and the contract of platform/shared_memory.h on top of it. Each
// memory has pages around it that nobody may touch, so that a byte too far is a fault, and two
// addresses: one as its owner writes it, one as its peer may only read it. Mapped once for a
// process, not once for a run.

#include <cstddef>
#include <cstdint>

#include "core/segment.h"

namespace shmwire::fuzz {

struct GuardedMemory {
  std::byte* writable;
  const std::byte* readable;
  uint64_t bytes;

  // So that what follows the last of `count` bytes is a page that nobody may touch.
  [[nodiscard]] std::byte* Last(uint64_t count) const { return writable + bytes - count; }
};

// `bytes` are rounded up to pages. Stays for good.
GuardedMemory MapGuarded(uint64_t bytes);

// What MapPeerMemory maps from now on: that `bytes` of memory are at `data` is the caller's word.
void OfferMemory(const std::byte* data, uint64_t bytes);

// The peer's view of a segment that OwnSegment::Create made, at its read-only address.
PeerSegment MapReadOnly(const OwnSegment& own);

// From now on whatever is written to the header, or is done with the data, is a fault.
void LeaveControlOnly(const OwnSegment& own);

}  // namespace shmwire::fuzz
