#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace shmwire {

// The core's only access to shared memory: words by Load and Store, payloads by Copy, LoadWords and
// StoreWords. This version is the shipped one, and the one that runs under ThreadSanitizer.
//
// The tests compile the same sources with another header of this name first on the include path. In
// native/test/explore/access/ each access may run another thread; stores are delayed, and loads
// satisfied early, as far as their order allows. The one in native/test/crash/access/ ends the
// process after the nth store.
//
// The order is a template parameter, so that it is a constant even where nothing is inlined: a
// compiler treats an unknown order as the strongest.
struct SharedAccess {
  template <std::memory_order kOrder, typename T>
  static T Load(const std::atomic<T>& word) {
    return word.load(kOrder);
  }

  template <std::memory_order kOrder, typename T>
  static void Store(std::atomic<T>* word, T value) {
    word->store(value, kOrder);
  }

  // Into the own memory, or out of the peer's. A load or store of a position orders the copy.
  static void Copy(std::byte* to, const std::byte* from, size_t bytes) {
    std::memcpy(to, from, bytes);
  }

  // Payloads that a reader copies while the writer may overwrite them, as relaxed atomic words, so
  // that this is not a data race. The side in shared memory is aligned to a word, and its last word
  // may be accessed whole.
  static void LoadWords(std::byte* to, const std::byte* from, size_t bytes) {
    const auto* words = reinterpret_cast<const std::atomic<uint64_t>*>(from);
    const size_t whole = bytes / sizeof(uint64_t);
    // Apart from the rest, because a copy of constant length needs no call.
    for (size_t index = 0; index < whole; index++) {
      // Relaxed: AcquireFence orders all of them.
      const uint64_t word = words[index].load(std::memory_order_relaxed);
      std::memcpy(to + index * sizeof(word), &word, sizeof(word));
    }
    if (const size_t rest = bytes % sizeof(uint64_t); rest != 0) {
      // Relaxed: likewise.
      const uint64_t word = words[whole].load(std::memory_order_relaxed);
      std::memcpy(to + whole * sizeof(word), &word, rest);
    }
  }

  // Likewise. Zeros follow in the last word.
  static void StoreWords(std::byte* to, const std::byte* from, size_t bytes) {
    auto* words = reinterpret_cast<std::atomic<uint64_t>*>(to);
    const size_t whole = bytes / sizeof(uint64_t);
    uint64_t word = 0;
    for (size_t index = 0; index < whole; index++) {
      std::memcpy(&word, from + index * sizeof(word), sizeof(word));
      // Relaxed: ReleaseFence and the store that publishes them order all of them.
      words[index].store(word, std::memory_order_relaxed);
    }
    if (const size_t rest = bytes % sizeof(uint64_t); rest != 0) {
      word = 0;
      std::memcpy(&word, from + whole * sizeof(word), rest);
      // Relaxed: likewise.
      words[whole].store(word, std::memory_order_relaxed);
    }
  }

// ThreadSanitizer does not model fences. It needs none here: everything around them is atomic.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtsan"
#endif
  // Stores before it become visible before stores after it.
  static void ReleaseFence() { std::atomic_thread_fence(std::memory_order_release); }
  // Loads before it are satisfied before loads after it.
  static void AcquireFence() { std::atomic_thread_fence(std::memory_order_acquire); }
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
};

}  // namespace shmwire
