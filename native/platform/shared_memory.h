#pragma once

// Memory without a name that one process writes and others only read.

#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/status.h"
#include "platform/handle.h"

namespace shmwire::platform {

// Owns one mapping. Unmapped when it goes out of scope.
class Mapping {
 public:
  Mapping() = default;
  Mapping(std::byte* data, uint64_t bytes) : data_(data), bytes_(bytes) {}
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    if (this != &other) {
      Unmap();
      data_ = std::exchange(other.data_, nullptr);
      bytes_ = std::exchange(other.bytes_, 0);
    }
    return *this;
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { Unmap(); }

  [[nodiscard]] std::byte* data() const { return data_; }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  // Idempotent.
  void Unmap();

 private:
  std::byte* data_ = nullptr;
  uint64_t bytes_ = 0;
};

// Creates `bytes` of zeroed memory and maps it read-write. All of it is reserved: later writes
// cannot fail for want of memory. Errors: kOutOfMemory; kUnavailable where the system has no such
// memory.
Status CreateSharedMemory(uint64_t bytes, Handle* handle, Mapping* mapping);

// From now on nobody, the owner included, can map the memory writable, write to it in another way,
// or change its size; mappings that exist stay writable. Errors: kUnavailable.
Status SealSharedMemory(const Handle& handle);

// Maps what another process sealed, read-only. Verifies that it is sealed so, that its size is
// within the bounds, and that all of it is backed by memory, so that no later read can fault.
// kCorrupt otherwise.
Status MapPeerMemory(const Handle& handle, uint64_t bytes_min, uint64_t bytes_max,
                     Mapping* mapping);

}  // namespace shmwire::platform
