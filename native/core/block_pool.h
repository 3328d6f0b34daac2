#pragma once

// Blocks of memory for long messages, which are reused, because new pages cost more than the copy
// of a message into them (docs/decisions/0076).
//
// One thread uses a pool. A block is either in use, from Take to Release or Abandon, or free. A
// free block keeps the bytes of its last message: its next user must overwrite all that it exposes.

#include <array>
#include <cstddef>
#include <cstdint>

namespace shmwire {

// The memory that free blocks may keep: what V8 lets accumulate between two collections.
inline constexpr uint64_t kFreeBytesMax = uint64_t{64} << 20;

// The memory that may be in use. JavaScript returns blocks between two turns of its event loop, so
// a loop of blocking calls returns none.
inline constexpr uint64_t kUsedBytesMax = uint64_t{256} << 20;

inline constexpr uint64_t kBlockBytesMin = uint64_t{128} << 10;
inline constexpr uint64_t kBlockBytesMax = uint64_t{32} << 20;

struct Block {
  std::byte* data;
  uint64_t bytes;
  uint32_t size_class;
  uint64_t released_at;  // on the pool's clock, which counts releases
  Block* older;
  Block* newer;
};

class BlockPool {
 public:
  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  // Unmaps the free blocks. Used ones must be abandoned or released before.
  ~BlockPool();

  // A block of at least `bytes`. Null if a block of this length is never kept, too much is in use,
  // or there is no memory.
  Block* Take(uint64_t bytes);
  // Keeps the block for the next Take, and unmaps those that were free for longest if there are too
  // many. Unmaps it if the pool rests.
  void Release(Block* block);
  // Unmaps a block that was not used.
  void Discard(Block* block);
  // For a block whose memory may still be in use: frees the memory, and keeps the addresses.
  void Abandon(Block* block);
  // Unmaps the blocks that no Take has needed since the last Trim. If there was no Take at all, the
  // pool rests: it keeps nothing until the next one. Returns whether it does not rest.
  bool Trim();

  [[nodiscard]] uint64_t free_bytes() const { return free_bytes_; }
  [[nodiscard]] uint64_t used_bytes() const { return used_bytes_; }

 private:
  // Four sizes for each doubling, so that a block is at most a quarter longer than its message.
  static constexpr uint32_t kClassesPerDoubling = 4;
  static constexpr uint32_t kClasses = 33;

  struct FreeList {
    Block* oldest = nullptr;
    Block* newest = nullptr;
  };

  static uint32_t SizeClassOf(uint64_t bytes, uint64_t* block_bytes);
  // Null if the list is empty.
  Block* TakeNewest(FreeList* list);
  // Of a list that is not empty.
  Block* TakeOldest(FreeList* list);
  void Unmap(Block* block);
  // Of all lists. False: there is none.
  bool UnmapOldest();

  std::array<FreeList, kClasses> free_;
  uint64_t free_bytes_ = 0;
  uint64_t used_bytes_ = 0;
  uint64_t releases_ = 0;
  uint64_t releases_at_trim_ = 0;
  bool was_used_ = false;
  bool rests_ = true;
};

}  // namespace shmwire
