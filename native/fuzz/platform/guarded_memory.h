#pragma once

// The memory of a fuzz target, behind the contract of platform/shared_memory.h, mapped once for a
// process. Pages without access surround each memory, so that an access beyond its bounds faults.
// Each memory has two addresses: a writable one for the owner, and a read-only one for the peer.

#include <cstddef>
#include <cstdint>

#include "core/segment.h"

namespace shmwire::fuzz {

struct GuardedMemory {
  std::byte* writable;
  const std::byte* readable;
  uint64_t bytes;

  // An address whose `count` bytes end right before a page without access.
  [[nodiscard]] std::byte* Last(uint64_t count) const { return writable + bytes - count; }
};

// Rounds `bytes` up to pages. Stays mapped.
GuardedMemory MapGuarded(uint64_t bytes);

// What CheckPeerPages finds from now on.
void LetPagesExist(bool exist);
[[nodiscard]] bool PagesExist();
// Whether AddPages works from now on.
void LetPagesBeAdded(bool possible);
[[nodiscard]] bool PagesCanBeAdded();

// Only the first pages of an elastic segment exist again, as after its creation.
void RemovePages(const OwnSegment& own);
// The same, but its owner, which the fuzzer controls, can write all of it. The peer cannot read the
// other pages until CheckPeerPages finds them.
void HidePages(const OwnSegment& own);

// The memory that MapPeerMemory maps from now on. The caller vouches for its size.
void OfferMemory(const std::byte* data, uint64_t bytes);

// The peer's view of an own segment, at its read-only address.
PeerSegment MapReadOnly(const OwnSegment& own, SegmentKind kind = SegmentKind::kRing);

// From now on, every write to the header and every access to the data is a fault.
void LeaveControlOnly(const OwnSegment& own);

}  // namespace shmwire::fuzz
