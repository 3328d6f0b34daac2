#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "core/cache_line.h"
#include "figures.h"
#include "platform/process.h"
#include "programs.h"
#include "two_processes.h"

namespace bench {
namespace {

using shmwire::PauseCpu;
using shmwire::platform::MonotonicNanos;

// As large as shmwire's ring by default, so that both work in the same level of cache.
constexpr uint64_t kWindowBytes = uint64_t{1} << 20;
constexpr uint64_t kBatchMessages = 64;
constexpr uint64_t kClockMask = 63;

struct Positions {
  // The numbers of published and taken batches.
  alignas(shmwire::kCacheLineBytes) std::atomic<uint64_t> written;
  alignas(shmwire::kCacheLineBytes) std::atomic<uint64_t> read;
  alignas(shmwire::kCacheLineBytes) std::atomic<uint64_t> end;
};

struct Batches {
  Positions* positions;
  std::byte* memory;
  uint64_t batch_bytes;
  uint64_t slots;
};

uint64_t FirstWord(const std::byte* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

ServerReport TakeBatches(const Batches& batches) {
  ServerReport report;
  std::vector<std::byte> target(batches.batch_bytes);
  for (uint64_t batch = 0;; batch++) {
    while (batches.positions->written.load(std::memory_order_acquire) == batch) {
      if (batches.positions->end.load(std::memory_order_acquire) == batch + 1) {
        report.messages = batch;
        report.cpu_seconds = CpuSeconds();
        return report;
      }
      PauseCpu();
    }
    std::memcpy(target.data(), batches.memory + (batch % batches.slots) * batches.batch_bytes,
                batches.batch_bytes);
    batches.positions->read.store(batch + 1, std::memory_order_release);
    if (FirstWord(target.data()) != batch) report.faults++;
  }
}

}  // namespace

void Memcpy(uint64_t duration_nanos, uint64_t message_bytes) {
  const uint64_t slots = std::max<uint64_t>(2, kWindowBytes / message_bytes);
  std::vector<std::byte> source(slots * message_bytes, std::byte{1});
  std::vector<std::byte> target(slots * message_bytes, std::byte{2});
  Run run;
  run.message_bytes = message_bytes;
  const double cpu = CpuSeconds();
  const uint64_t begin = MonotonicNanos();
  uint64_t now = begin;
  const uint64_t clock_mask = message_bytes < kWindowBytes ? kClockMask : 0;
  for (; now - begin < duration_nanos;) {
    const uint64_t at = run.messages % slots * message_bytes;
    std::memcpy(target.data() + at, source.data() + at, message_bytes);
    // The compiler must not detect that it is never read.
    asm volatile("" : : "r"(target.data()) : "memory");
    if ((++run.messages & clock_mask) == 0) now = MonotonicNanos();
  }
  run.seconds = static_cast<double>(now - begin) / 1e9;
  run.client_cpu_seconds = CpuSeconds() - cpu;
  if (source.size() <= run.messages * message_bytes && source != target) Fail("copied wrongly");
  PrintFigures(&run);
}

void Handover(uint64_t duration_nanos, uint64_t message_bytes) {
  Batches batches;
  const uint64_t batch_messages =
      std::clamp<uint64_t>(kWindowBytes / 4 / message_bytes, 1, kBatchMessages);
  batches.batch_bytes = batch_messages * message_bytes;
  batches.slots = std::max<uint64_t>(2, kWindowBytes / batches.batch_bytes);
  batches.positions = new (SharedMemory(sizeof(Positions))) Positions{};
  batches.memory = static_cast<std::byte*>(SharedMemory(batches.slots * batches.batch_bytes));
  TwoProcesses processes([&] { return TakeBatches(batches); });

  std::vector<std::byte> source(batches.batch_bytes, std::byte{1});
  Run run;
  run.message_bytes = message_bytes;
  const double cpu = CpuSeconds();
  const uint64_t begin = MonotonicNanos();
  uint64_t batch = 0;
  for (; MonotonicNanos() - begin < duration_nanos; batch++) {
    while (batch - batches.positions->read.load(std::memory_order_acquire) == batches.slots) {
      PauseCpu();
    }
    std::memcpy(source.data(), &batch, sizeof(batch));
    std::memcpy(batches.memory + (batch % batches.slots) * batches.batch_bytes, source.data(),
                batches.batch_bytes);
    batches.positions->written.store(batch + 1, std::memory_order_release);
  }
  batches.positions->end.store(batch + 1, std::memory_order_release);
  run.client_cpu_seconds = CpuSeconds() - cpu;
  const ServerReport server = processes.Join();
  run.seconds = static_cast<double>(MonotonicNanos() - begin) / 1e9;
  if (server.messages != batch || server.faults > 0) Fail("the server saw other batches");
  run.messages = batch * batch_messages;
  run.server_cpu_seconds = server.cpu_seconds;
  PrintFigures(&run);
}

}  // namespace bench
