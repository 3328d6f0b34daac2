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
  // Gives up the memory, but not its addresses: for the rest of the process's life, reads there
  // find zeros and writes reach nobody. For memory that something out of sight may still use.
  void Vacate();

 private:
  std::byte* data_ = nullptr;
  uint64_t bytes_ = 0;
};

// Creates `bytes` of zeroed memory and maps it read-write. Every page exists before this returns,
// so no later access can fail for want of memory. Errors: kOutOfMemory; kUnavailable where the
// system has no such memory.
Status CreateSharedMemory(uint64_t bytes, Handle* handle, Mapping* mapping);

// From now on nobody, the owner included, can map the memory writable, write to it in another way,
// or change its size; mappings that exist stay writable. Errors: kUnavailable.
Status SealSharedMemory(const Handle& handle);

// Maps what another process sealed, read-only. Verifies that it is sealed so, that `is_size`
// accepts its size, and that every page exists. So no later read can fault, and none allocates
// memory, which would be charged to the reader. Waits for no lock that the peer can hold. Errors:
// kCorrupt; kUnavailable (some pages do not exist now, or the system does not show it);
// kOutOfMemory.
Status MapPeerMemory(const Handle& handle, bool (*is_size)(uint64_t bytes), Mapping* mapping);

}  // namespace shmwire::platform
