#include "core/block_pool.h"

#include <algorithm>
#include <bit>
#include <new>

#include "platform/pages.h"

namespace shmwire {

BlockPool::~BlockPool() {
  while (UnmapOldest()) {
  }
}

// The lengths from 2^n to 2^(n+1) have four classes, at 5, 6, 7 and 8 quarters of 2^n.
uint32_t BlockPool::SizeClassOf(uint64_t bytes, uint64_t* block_bytes) {
  constexpr uint32_t kWidthMin = std::bit_width(kBlockBytesMin - 1);
  const uint64_t last = std::max(bytes, kBlockBytesMin) - 1;
  const auto width = static_cast<uint32_t>(std::bit_width(last));
  const uint32_t quarter_width = width - std::bit_width(kClassesPerDoubling);
  const auto quarter = static_cast<uint32_t>(last >> quarter_width);
  *block_bytes = uint64_t{quarter + 1} << quarter_width;
  // The shortest length has only the last class of its four.
  static_assert((std::bit_width(kBlockBytesMax - 1) - kWidthMin) * kClassesPerDoubling + 1 ==
                kClasses);
  return (width - kWidthMin) * kClassesPerDoubling + quarter + 1 - 2 * kClassesPerDoubling;
}

Block* BlockPool::Take(uint64_t bytes) {
  if (bytes > kBlockBytesMax) return nullptr;
  uint64_t block_bytes = 0;
  const uint32_t size_class = SizeClassOf(bytes, &block_bytes);
  if (used_bytes_ + block_bytes > kUsedBytesMax) return nullptr;
  was_used_ = true;
  rests_ = false;
  Block* block = TakeNewest(&free_[size_class]);
  if (block == nullptr) {
    block = new (std::nothrow) Block{.data = platform::MapPages(block_bytes),
                                     .bytes = block_bytes,
                                     .size_class = size_class,
                                     .released_at = 0,
                                     .older = nullptr,
                                     .newer = nullptr};
    if (block == nullptr) return nullptr;
    if (block->data == nullptr) {
      delete block;
      return nullptr;
    }
  }
  used_bytes_ += block->bytes;
  return block;
}

void BlockPool::Release(Block* block) {
  used_bytes_ -= block->bytes;
  if (rests_) {
    Unmap(block);
    return;
  }
  FreeList& list = free_[block->size_class];
  block->released_at = ++releases_;
  block->older = list.newest;
  block->newer = nullptr;
  (list.newest == nullptr ? list.oldest : list.newest->newer) = block;
  list.newest = block;
  free_bytes_ += block->bytes;
  while (free_bytes_ > kFreeBytesMax && UnmapOldest()) {
  }
}

void BlockPool::Discard(Block* block) {
  used_bytes_ -= block->bytes;
  Unmap(block);
}

void BlockPool::Abandon(Block* block) {
  used_bytes_ -= block->bytes;
  platform::VacatePages(block->data, block->bytes);
  delete block;
}

bool BlockPool::Trim() {
  rests_ = !was_used_;
  was_used_ = false;
  for (FreeList& list : free_) {
    while (list.oldest != nullptr && (rests_ || list.oldest->released_at <= releases_at_trim_)) {
      Unmap(TakeOldest(&list));
    }
  }
  releases_at_trim_ = releases_;
  return !rests_;
}

Block* BlockPool::TakeNewest(FreeList* list) {
  Block* block = list->newest;
  if (block == nullptr) return nullptr;
  list->newest = block->older;
  (block->older == nullptr ? list->oldest : block->older->newer) = nullptr;
  free_bytes_ -= block->bytes;
  return block;
}

Block* BlockPool::TakeOldest(FreeList* list) {
  Block* block = list->oldest;
  list->oldest = block->newer;
  (block->newer == nullptr ? list->newest : block->newer->older) = nullptr;
  free_bytes_ -= block->bytes;
  return block;
}

void BlockPool::Unmap(Block* block) {
  platform::UnmapPages(block->data, block->bytes);
  delete block;
}

bool BlockPool::UnmapOldest() {
  FreeList* oldest = nullptr;
  for (FreeList& list : free_) {
    if (list.oldest == nullptr) continue;
    if (oldest == nullptr || list.oldest->released_at < oldest->oldest->released_at) oldest = &list;
  }
  if (oldest == nullptr) return false;
  Unmap(TakeOldest(oldest));
  return true;
}

}  // namespace shmwire
