#pragma once

#include <cstddef>

namespace shmwire {

// Distance between words that are hot for different readers. Fixed, because it is part of the
// layout (std::hardware_destructive_interference_size differs between compilers), and two lines of
// 64 bytes, because x86 prefetches lines in pairs and some arm64 cores have lines of 128.
inline constexpr size_t kCacheLineBytes = 128;

// Tells the core that this is a spinning loop: leaves the other hardware thread more of it, and
// saves the pipeline flush when the awaited line changes. Does not give the core to another thread.
inline void PauseCpu() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  // ISB delays longer than YIELD, which is a no-op on most cores.
  asm volatile("isb" ::: "memory");
#endif
}

// A line of x86. Where lines are longer, a second request that far on is for the first one again.
inline constexpr size_t kPrefetchStep = 64;

// Asks for the line at `address` ahead of a store to it, so that the store need not wait until the
// other core has given it up. `address` need not be mapped.
inline void PrefetchForWrite(const void* address) {
#if defined(__x86_64__) || defined(__i386__)
  // The builtin asks for a line to read unless the compiler may assume a newer processor. Those
  // without the instruction ignore it.
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
#else
  __builtin_prefetch(address, 1);
#endif
}

// The same ahead of a load.
inline void PrefetchForRead(const void* address) { __builtin_prefetch(address); }

}  // namespace shmwire
