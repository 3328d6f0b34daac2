#pragma once

#include <atomic>
#include <cstddef>
#include <cstring>

namespace shmwire {

// How the core touches shared memory: every word by Load and Store, every payload by Copy, nothing
// by any other way. This is what is shipped, and what runs under ThreadSanitizer: the bare access.
//
// The tests compile the same sources with another header of this name before it on the include
// path: native/test/explore/access/ gives the schedule away at each access and lets stores wait as
// long as their order allows; native/test/crash/access/ ends the process after the nth store.
//
// The order is a template parameter, so that it is a constant even where nothing is inlined: a
// compiler takes an order that it does not know for the strongest.
struct SharedAccess {
  template <std::memory_order kOrder, typename T>
  static T Load(const std::atomic<T>& word) {
    return word.load(kOrder);
  }

  template <std::memory_order kOrder, typename T>
  static void Store(std::atomic<T>* word, T value) {
    word->store(value, kOrder);
  }

  // Into one's own memory or out of the peer's. A position, stored or loaded with its own order,
  // says when.
  static void Copy(std::byte* to, const std::byte* from, size_t bytes) {
    std::memcpy(to, from, bytes);
  }
};

}  // namespace shmwire
