#pragma once

#include <atomic>
#include <cstddef>
#include <cstring>

namespace shmwire {

// The core's only access to shared memory: words by Load and Store, payloads by Copy. This version
// is the shipped one, and the one that runs under ThreadSanitizer: plain accesses.
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
};

}  // namespace shmwire
