#include "test/explore/store_buffer.h"

#include <algorithm>

namespace shmwire::explore {
namespace {

// Processors have about 50 to 80.
constexpr size_t kStoresMax = 64;

}  // namespace

void StoreBuffer::Add(std::byte* to, std::memory_order order, const std::byte* value,
                      size_t bytes) {
  if (stores_.size() == kStoresMax) Leave(0);
  stores_.push_back({to, bytes, values_.size(), order, fences_});
  values_.insert(values_.end(), value, value + bytes);
}

void StoreBuffer::Cover(const std::byte* from, std::byte* value, size_t bytes) const {
  for (const WaitingStore& store : stores_) {
    CopyOverlap({from, bytes}, value, RangeOf(store), values_.data() + store.offset);
  }
}

bool StoreBuffer::MayLeave(size_t index) const {
  const WaitingStore& store = stores_[index];
  if (store.order != std::memory_order_relaxed) return index == 0;
  return std::none_of(stores_.begin(), stores_.begin() + static_cast<ptrdiff_t>(index),
                      [&](const WaitingStore& older) {
                        return older.fences != store.fences ||
                               RangeOf(older).Overlaps(RangeOf(store));
                      });
}

void StoreBuffer::Leave(size_t index) {
  const WaitingStore& store = stores_[index];
  memory_->Store(store.to, values_.data() + store.offset, store.bytes);
  window_->Stored(RangeOf(store), store.order, memory_->now());
  stores_.erase(stores_.begin() + static_cast<ptrdiff_t>(index));
  if (stores_.empty()) values_.clear();
}

void StoreBuffer::LetOneLeave(Random* random) {
  if (stores_.empty()) return;
  const auto chosen = static_cast<size_t>(random->Below(stores_.size()));
  Leave(MayLeave(chosen) ? chosen : 0);
}

void StoreBuffer::LetSeqCstLeave() {
  size_t count = stores_.size();
  while (count > 0 && stores_[count - 1].order != std::memory_order_seq_cst) count--;
  for (; count > 0; count--) Leave(0);
}

void StoreBuffer::LetAllLeave() {
  while (!stores_.empty()) Leave(0);
}

void StoreBuffer::Clear() {
  stores_.clear();
  values_.clear();
}

}  // namespace shmwire::explore
