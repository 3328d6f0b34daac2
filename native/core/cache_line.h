#pragma once

#include <cstddef>

namespace shmwire {

// Distance between words that are hot for different readers. Fixed, because it is part of the
// layout (std::hardware_destructive_interference_size differs between compilers), and two lines of
// 64 bytes, because x86 prefetches lines in pairs and some arm64 cores have lines of 128.
inline constexpr size_t kCacheLineBytes = 128;

// Marks a spin loop for the processor. The other hardware thread gets more of the core, and
// the end of the loop costs no pipeline flush. It does not yield the core to another thread.
inline void PauseCpu() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  // ISB delays longer than YIELD, which is a no-op on most cores.
  asm volatile("isb" ::: "memory");
#endif
}

// The line size of x86. Where lines are longer, the second request is for the same line.
inline constexpr size_t kPrefetchStep = 64;

// Requests the line at `address` before a store to it, so that the store need not wait for the
// other core to release the line. `address` need not be mapped.
inline void PrefetchForWrite(const void* address) {
#if defined(__x86_64__) || defined(__i386__)
  // The builtin requests the line for reading unless the compiler may assume a newer processor.
  // Processors without the instruction ignore it.
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
#else
  __builtin_prefetch(address, 1);
#endif
}

// The same before a load.
inline void PrefetchForRead(const void* address) { __builtin_prefetch(address); }

}  // namespace shmwire
