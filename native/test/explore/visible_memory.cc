#include "test/explore/visible_memory.h"

#include <cstring>

#include "test/explore/range.h"

namespace shmwire::explore {

void VisibleMemory::Store(std::byte* to, const std::byte* value, size_t bytes) {
  PastStore& store = stores_[now_ % kStoresMax];
  store.to = to;
  store.overwritten.assign(to, to + bytes);
  std::memcpy(to, value, bytes);
  now_++;
}

void VisibleMemory::Load(uint64_t time, const std::byte* from, std::byte* value,
                         size_t bytes) const {
  std::memcpy(value, from, bytes);
  for (uint64_t undone = now_; undone > time; undone--) {
    const PastStore& store = stores_[(undone - 1) % kStoresMax];
    CopyOverlap({from, bytes}, value, {store.to, store.overwritten.size()},
                store.overwritten.data());
  }
}

}  // namespace shmwire::explore
