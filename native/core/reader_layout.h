#pragma once

// The bytes of a reader segment, version 1: a reader of a topic or a cell writes it, and only the
// writer of that topic or cell reads it. It has no data. As prose: docs/memory-layout.md.

#include <cstddef>
#include <cstdint>

#include "core/segment_layout.h"
#include "core/shared_word.h"

namespace shmwire {

struct ReaderControl {
  // Wake word (wake.h) of a reader that waits for data.
  alignas(kCacheLineBytes) SharedWord<uint32_t> data_wake;
  // Of a blocking reader: the position up to which it has read, with kHeadStarted. 0: it has not
  // chosen a position.
  alignas(kCacheLineBytes) SharedWord<uint64_t> head;
};

static_assert(std::is_standard_layout_v<ReaderControl>);
static_assert(offsetof(ReaderControl, data_wake) == 0);
static_assert(offsetof(ReaderControl, head) == 128);
static_assert(kControlOffset + sizeof(ReaderControl) <= kDataOffset);

// Positions are multiples of 16, so the bit is free.
inline constexpr uint64_t kHeadStarted = 1;

}  // namespace shmwire
