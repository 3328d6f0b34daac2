#pragma once

// SharedAccess under the explorer. It replaces the shipped header of this name in native/core.

#include <atomic>
#include <cstddef>
#include <cstring>

#include "test/explore/explored_access.h"

namespace shmwire {

struct SharedAccess {
  template <std::memory_order kOrder, typename T>
  static T Load(const std::atomic<T>& word) {
    T value;
    explore::Load(reinterpret_cast<const std::byte*>(&word), kOrder,
                  reinterpret_cast<std::byte*>(&value), sizeof(value));
    return value;
  }

  template <std::memory_order kOrder, typename T>
  static void Store(std::atomic<T>* word, T value) {
    explore::Store(reinterpret_cast<std::byte*>(word), kOrder,
                   reinterpret_cast<const std::byte*>(&value), sizeof(value));
  }

  static void Copy(std::byte* to, const std::byte* from, size_t bytes) {
    explore::Copy(to, from, bytes);
  }

  // Not word by word, which would only make runs longer: each piece is whole words.
  static void LoadWords(std::byte* to, const std::byte* from, size_t bytes) {
    explore::Copy(to, from, bytes);
  }
  static void StoreWords(std::byte* to, const std::byte* from, size_t bytes) {
    explore::Copy(to, from, bytes);
  }

  static void ReleaseFence() { explore::ReleaseFence(); }
  static void AcquireFence() { explore::AcquireFence(); }
};

}  // namespace shmwire
