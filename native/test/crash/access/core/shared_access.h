#pragma once

// SharedAccess with crash points. It replaces the shipped header of this name in native/core.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>

#include "test/crash/crash_point.h"

namespace shmwire {

struct SharedAccess {
  template <std::memory_order kOrder, typename T>
  static T Load(const std::atomic<T>& word) {
    return word.load(kOrder);
  }

  template <std::memory_order kOrder, typename T>
  static void Store(std::atomic<T>* word, T value) {
    word->store(value, kOrder);
    crash::Stored();
  }

  // In pieces, so that some crashes leave half a payload. A copy out of the ring has crash points,
  // too: its data is lost with the process.
  static void Copy(std::byte* to, const std::byte* from, size_t bytes) {
    constexpr size_t kPieces = 3;
    constexpr size_t kWholeBytesMax = 16;
    const size_t piece_bytes = bytes <= kWholeBytesMax ? bytes : bytes / kPieces + 1;
    for (size_t at = 0; at < bytes; at += piece_bytes) {
      std::memcpy(to + at, from + at, std::min(piece_bytes, bytes - at));
      crash::Stored();
    }
  }

  static void LoadWords(std::byte* to, const std::byte* from, size_t bytes) {
    Copy(to, from, bytes);
  }
  static void StoreWords(std::byte* to, const std::byte* from, size_t bytes) {
    Copy(to, from, bytes);
  }

  // The other process runs on after the crash only.
  static void ReleaseFence() {}
  static void AcquireFence() {}
};

}  // namespace shmwire
