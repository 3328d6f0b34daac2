#include <algorithm>
#include <atomic>
#include <new>

#include "figures.h"
#include "platform/process.h"
#include "programs.h"
#include "two_processes.h"

namespace bench {
namespace {

using shmwire::platform::MonotonicNanos;

// Reading the clock takes a good part of one round, so each sample is the mean of ten.
constexpr uint64_t kRoundsPerSample = 10;
constexpr size_t kSamplesMax = size_t{1} << 22;
constexpr uint64_t kWarmUpSamples = 10'000;
constexpr uint64_t kEnd = UINT64_MAX;

}  // namespace

void Bounce(uint64_t duration_nanos) {
  // Odd: it is the server's turn. Without a pause instruction, because this is the bound.
  auto* line = new (SharedMemory(4096)) std::atomic<uint64_t>(0);
  TwoProcesses processes([line] {
    ServerReport report;
    for (uint64_t ball = 1;; ball += 2) {
      uint64_t seen = line->load(std::memory_order_acquire);
      while (seen != ball && seen != kEnd) seen = line->load(std::memory_order_acquire);
      if (seen == kEnd) break;
      line->store(ball + 1, std::memory_order_release);
      report.messages++;
    }
    report.cpu_seconds = CpuSeconds();
    return report;
  });

  uint64_t ball = 0;
  const auto sample = [&] {
    const uint64_t begin = MonotonicNanos();
    for (uint64_t round = 0; round < kRoundsPerSample; round++) {
      line->store(ball + 1, std::memory_order_release);
      while (line->load(std::memory_order_acquire) != ball + 2) {
      }
      ball += 2;
    }
    return static_cast<uint32_t>((MonotonicNanos() - begin) / kRoundsPerSample);
  };
  for (uint64_t count = 0; count < kWarmUpSamples; count++) sample();

  Run run;
  run.message_bytes = sizeof(uint64_t);
  run.latency_nanos.reserve(kSamplesMax);
  const double cpu = CpuSeconds();
  const uint64_t begin = MonotonicNanos();
  uint64_t now = begin;
  while (now - begin < duration_nanos && run.latency_nanos.size() < kSamplesMax) {
    run.latency_nanos.push_back(sample());
    now = MonotonicNanos();
  }
  run.client_cpu_seconds = CpuSeconds() - cpu;
  run.seconds = static_cast<double>(now - begin) / 1e9;
  run.messages = run.latency_nanos.size() * kRoundsPerSample;
  line->store(kEnd, std::memory_order_release);
  const ServerReport server = processes.Join();
  if (server.messages != ball / 2) Fail("the server counted other rounds");
  run.server_cpu_seconds =
      server.cpu_seconds * static_cast<double>(run.messages) / static_cast<double>(server.messages);
  PrintFigures(&run);
}

}  // namespace bench
