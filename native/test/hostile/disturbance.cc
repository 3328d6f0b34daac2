#include "test/hostile/disturbance.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <climits>
#include <utility>

#include "core/ring_layout.h"

namespace shmwire::hostile {
namespace {

// Published together, so that the victim receives batches.
constexpr uint64_t kBatchRecords = 64;

void Pause(uint64_t nanos) {
  if (nanos == 0) return;
  const auto end = std::chrono::steady_clock::now() + std::chrono::nanoseconds(nanos);
  while (std::chrono::steady_clock::now() < end) {
  }
}

// Relaxed: the victim must not depend on the order.
void Store(std::byte* word, size_t word_bytes, uint64_t value) {
  if (word_bytes == sizeof(uint64_t)) {
    reinterpret_cast<SharedWord<uint64_t>*>(word)->StoreRelaxed(value);
  } else {
    reinterpret_cast<SharedWord<uint32_t>*>(word)->StoreRelaxed(static_cast<uint32_t>(value));
    // Wakes every sleeper on the word.
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  }
}

}  // namespace

void Disturbances::Cycle(std::byte* word, size_t word_bytes, std::vector<uint64_t> values,
                         uint64_t pause_nanos) {
  threads_.emplace_back([this, word, word_bytes, values = std::move(values), pause_nanos] {
    for (size_t index = 0; !stopping(); index = (index + 1) % values.size()) {
      Store(word, word_bytes, values[index]);
      Pause(pause_nanos);
    }
  });
}

void Disturbances::Flood(std::byte* own, const std::byte* peer, uint64_t ring_bytes) {
  threads_.emplace_back([this, own, peer, ring_bytes] {
    auto& control = *reinterpret_cast<ControlBlock*>(own + kControlOffset);
    const auto& reader = *reinterpret_cast<const ControlBlock*>(peer + kControlOffset);
    std::byte* data = own + kDataOffset;
    // Relaxed: only this thread writes it.
    uint64_t tail = control.tail.LoadRelaxed();
    uint32_t sequence = 0;
    while (!stopping()) {
      // Acquire: the released room is overwritten.
      const uint64_t head = reader.head.LoadAcquire();
      if (tail - head > ring_bytes - kBatchRecords * kRecordHeaderBytes) continue;
      for (uint64_t count = 0; count < kBatchRecords; count++) {
        StoreRecordHeader(
            data + (tail & (ring_bytes - 1)),
            {.length = 0, .kind = 1, .flags = kFlagsWhole, .id = 0, .sequence = sequence++});
        tail += kRecordHeaderBytes;
      }
      control.tail.StoreSeqCst(tail);
      // Relaxed: read after the thread was joined.
      published_.fetch_add(kBatchRecords, std::memory_order_relaxed);
    }
  });
}

uint64_t Disturbances::Stop() {
  // Relaxed, all three: the threads are joined, and start after the second store.
  stopping_.store(true, std::memory_order_relaxed);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  stopping_.store(false, std::memory_order_relaxed);
  return published_.exchange(0, std::memory_order_relaxed);
}

}  // namespace shmwire::hostile
