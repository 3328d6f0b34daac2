#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace shmwire {

// Doubles an array, and keeps its elements. False: there is no memory, and nothing has changed.
// Instead of std::vector, which needs a C++ library where the addon has none, and ends the process.
template <typename T>
bool Grow(std::unique_ptr<T[]>* array, uint32_t* size) {
  constexpr uint32_t kFirstSize = 4;
  const uint32_t grown_size = *size == 0 ? kFirstSize : *size * 2;
  std::unique_ptr<T[]> grown(new (std::nothrow) T[grown_size]);
  if (grown == nullptr) return false;
  std::move(array->get(), array->get() + *size, grown.get());
  *array = std::move(grown);
  *size = grown_size;
  return true;
}

}  // namespace shmwire
