#pragma once

// A range of bytes of the explored memory.

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace shmwire::explore {

struct Range {
  const std::byte* begin;
  size_t bytes;

  [[nodiscard]] const std::byte* end() const { return begin + bytes; }
  [[nodiscard]] bool Overlaps(const Range& other) const {
    return begin < other.end() && other.begin < end();
  }
  bool operator==(const Range&) const = default;
};

// Into `value`, which has the bytes of `range`: the part of `source` that overlaps it, whose bytes
// are at `bytes`.
inline void CopyOverlap(const Range& range, std::byte* value, const Range& source,
                        const std::byte* bytes) {
  if (!range.Overlaps(source)) return;
  const std::byte* begin = std::max(range.begin, source.begin);
  const std::byte* end = std::min(range.end(), source.end());
  std::memcpy(value + (begin - range.begin), bytes + (begin - source.begin),
              static_cast<size_t>(end - begin));
}

}  // namespace shmwire::explore
