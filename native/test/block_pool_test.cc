#include "core/block_pool.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "test/support.h"

TEST_SUITE_BEGIN("block_pool_test");

namespace shmwire {
namespace {

constexpr uint64_t kMib = uint64_t{1} << 20;

std::vector<Block*> TakeMany(BlockPool* pool, size_t count, uint64_t bytes) {
  std::vector<Block*> blocks(count);
  for (Block*& block : blocks) {
    block = pool->Take(bytes);
    REQUIRE(block != nullptr);
  }
  return blocks;
}

void ReleaseAll(BlockPool* pool, const std::vector<Block*>& blocks) {
  for (Block* block : blocks) pool->Release(block);
}

}  // namespace

TEST_CASE("takes blocks that are at most a quarter longer than the message") {
  BlockPool pool;
  std::vector<uint64_t> lengths = {1, kBlockBytesMin - 1};
  for (uint64_t length = kBlockBytesMin; length <= kBlockBytesMax; length += length / 16) {
    lengths.insert(lengths.end(), {length, length + 1, length - 1});
  }
  lengths.push_back(kBlockBytesMax);
  for (const uint64_t length : lengths) {
    if (length > kBlockBytesMax) continue;
    CAPTURE(length);
    Block* block = pool.Take(length);
    REQUIRE(block != nullptr);
    CHECK(block->bytes >= length);
    CHECK(block->bytes <= std::max(length + (length + 3) / 4, kBlockBytesMin));
    block->data[0] = block->data[block->bytes - 1] = std::byte{1};
    pool.Release(block);
  }
}

TEST_CASE("refuses a block that is longer than all that it keeps") {
  BlockPool pool;
  CHECK(pool.Take(kBlockBytesMax + 1) == nullptr);
  CHECK(pool.Take(UINT64_MAX) == nullptr);
  CHECK(pool.used_bytes() == 0);
}

TEST_CASE("refuses to take more than the limit, until some is released") {
  BlockPool pool;
  std::vector<Block*> used = TakeMany(&pool, kUsedBytesMax / (4 * kMib), 4 * kMib);
  CHECK(pool.used_bytes() == kUsedBytesMax);
  CHECK(pool.Take(1) == nullptr);
  pool.Release(used.back());
  used.back() = pool.Take(4 * kMib);
  CHECK(used.back() != nullptr);
  ReleaseAll(&pool, used);
  CHECK(pool.used_bytes() == 0);
}

TEST_CASE("takes the block that was released last") {
  BlockPool pool;
  const std::vector<Block*> blocks = TakeMany(&pool, 3, kMib);
  ReleaseAll(&pool, blocks);
  CHECK(pool.Take(kMib) == blocks[2]);
  CHECK(pool.Take(kMib - 1) == blocks[1]);
  Block* larger = pool.Take(kMib + 1);
  CHECK(larger != blocks[0]);
  ReleaseAll(&pool, {blocks[1], blocks[2], larger});
}

TEST_CASE("keeps the free blocks that were used last, of any length") {
  BlockPool pool;
  const std::vector<Block*> small = TakeMany(&pool, 64, kMib);
  const std::vector<Block*> large = TakeMany(&pool, 4, 15 * kMib);
  ReleaseAll(&pool, small);
  CHECK(pool.free_bytes() == kFreeBytesMax);
  Block* newest_small = small.back();
  pool.Release(large[0]);
  pool.Release(large[1]);
  pool.Release(large[2]);
  CHECK(pool.free_bytes() <= kFreeBytesMax);
  CHECK(pool.Take(kMib) == newest_small);
  CHECK(pool.Take(15 * kMib) == large[2]);
  pool.Release(newest_small);
  ReleaseAll(&pool, {large[2], large[3]});
  CHECK(pool.free_bytes() <= kFreeBytesMax);
}

TEST_CASE("unmaps what was not needed between two trims") {
  BlockPool pool;
  ReleaseAll(&pool, TakeMany(&pool, 8, kMib));
  CHECK(pool.Trim());
  CHECK(pool.free_bytes() == 8 * kMib);
  for (int count = 0; count < 5; count++) ReleaseAll(&pool, TakeMany(&pool, 3, kMib));
  CHECK(pool.Trim());
  CHECK(pool.free_bytes() == 3 * kMib);
}

TEST_CASE("keeps nothing after a time without use, and works again afterwards") {
  BlockPool pool;
  const std::vector<Block*> late = TakeMany(&pool, 2, kMib);
  ReleaseAll(&pool, TakeMany(&pool, 3, kMib));
  CHECK(pool.Trim());
  CHECK_FALSE(pool.Trim());
  CHECK(pool.free_bytes() == 0);
  pool.Release(late[0]);
  CHECK(pool.free_bytes() == 0);
  CHECK_FALSE(pool.Trim());
  ReleaseAll(&pool, TakeMany(&pool, 1, kMib));
  pool.Release(late[1]);
  CHECK(pool.free_bytes() == 2 * kMib);
  CHECK(pool.Trim());
}

TEST_CASE("does not keep a discarded block") {
  BlockPool pool;
  pool.Discard(pool.Take(kMib));
  CHECK(pool.used_bytes() == 0);
  CHECK(pool.free_bytes() == 0);
}

TEST_CASE("keeps the addresses of an abandoned block") {
  BlockPool pool;
  Block* block = pool.Take(kMib);
  REQUIRE(block != nullptr);
  volatile std::byte* data = block->data;
  data[0] = std::byte{7};
  pool.Abandon(block);
  CHECK(pool.used_bytes() == 0);
  CHECK(pool.free_bytes() == 0);
  data[0] = std::byte{1};
  CHECK(data[0] == std::byte{1});
}

TEST_CASE("never takes memory that is in use") {
  const uint64_t seed = test::Seed();
  CAPTURE(seed);
  test::Random random(seed);
  BlockPool pool;
  struct Held {
    Block* block;
    uint64_t length;
    uint8_t mark;
  };
  std::vector<Held> held;
  const auto is_intact = [](const Held& one) {
    const auto mark = std::byte{one.mark};
    // Each page and the last byte: the whole of it would take minutes.
    for (uint64_t at = 0; at < one.length; at += 4096) {
      if (one.block->data[at] != mark) return false;
    }
    return one.block->data[one.length - 1] == mark;
  };
  for (int step = 0; step < 3'000; step++) {
    if (random.Below(100) == 0) pool.Trim();
    if (!held.empty() && random.Below(2) == 0) {
      const size_t index = random.Below(held.size());
      CHECK(is_intact(held[index]));
      pool.Release(held[index].block);
      held[index] = held.back();
      held.pop_back();
    } else {
      const uint64_t length = 1 + random.Below(random.Below(4) == 0 ? 3 * kMib : kMib / 2);
      Block* block = pool.Take(length);
      if (block == nullptr) continue;
      const auto mark = static_cast<uint8_t>(step);
      std::memset(block->data, mark, length);
      held.push_back({block, length, mark});
    }
    REQUIRE(pool.free_bytes() <= kFreeBytesMax);
    REQUIRE(pool.used_bytes() <= kUsedBytesMax);
  }
  for (const Held& one : held) {
    CHECK(is_intact(one));
    pool.Release(one.block);
  }
  CHECK(pool.used_bytes() == 0);
}

}  // namespace shmwire

TEST_SUITE_END();
