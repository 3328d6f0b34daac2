#pragma once

// The core's accesses and system calls under the explorer. Without a running actor, effective at
// once.

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace shmwire::explore {

void Load(const std::byte* from, std::memory_order order, std::byte* value, size_t bytes);
void Store(std::byte* to, std::memory_order order, const std::byte* value, size_t bytes);
void Copy(std::byte* to, const std::byte* from, size_t bytes);
void ReleaseFence();
void AcquireFence();

void WaitOnWord(const uint32_t* word, uint32_t expected, uint64_t timeout_nanos);
void WakeWord(const uint32_t* word);
void AddPages(const std::byte* base);
void YieldCpu();
uint64_t NowNanos();

}  // namespace shmwire::explore
