#pragma once

// Memory that one process writes and others only read. On Windows it has a name.

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/status.h"
#include "platform/handle.h"

namespace shmwire::platform {

// Owns one mapping. Its destructor unmaps it.
class Mapping {
 public:
  Mapping() = default;
  Mapping(std::byte* data, uint64_t bytes) : Mapping(data, bytes, bytes) {}
  // `mapped_bytes` includes addresses after the memory.
  Mapping(std::byte* data, uint64_t bytes, uint64_t mapped_bytes)
      : data_(data), bytes_(bytes), mapped_bytes_(mapped_bytes) {}
  Mapping(Mapping&& other) noexcept { *this = std::move(other); }
  Mapping& operator=(Mapping&& other) noexcept {
    if (this != &other) {
      Unmap();
      data_ = std::exchange(other.data_, nullptr);
      bytes_ = std::exchange(other.bytes_, 0);
      mapped_bytes_ = std::exchange(other.mapped_bytes_, 0);
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
  // Frees the memory and keeps its addresses. Until the process ends, reads there find zeros and
  // writes have no effect. For memory whose users cannot be enumerated.
  void Vacate();

 private:
  std::byte* data_ = nullptr;
  uint64_t bytes_ = 0;
  uint64_t mapped_bytes_ = 0;
};

// 128 random bits. Where memory needs a name, it is made of them, so no process can guess it.
using MemoryId = std::array<uint64_t, 2>;

// Whether a peer opens memory by its name, while its creator has the handle. Otherwise the peer
// gets a handle.
#ifdef _WIN32
inline constexpr bool kMemoryHasName = true;
#else
inline constexpr bool kMemoryHasName = false;
#endif

// Both sides of a connection find each other's memory by its name, where it has one.
constexpr MemoryId PeerMemoryId(const MemoryId& own) { return {~own[0], ~own[1]}; }

// Creates `bytes` of zeroed memory and maps it read-write. The pages of the first `first_bytes`
// exist before this returns, so no later access to them fails for lack of memory. The others need
// AddPages. Errors: kOutOfMemory; kUnavailable (no such memory).
Status CreateSharedMemory(const MemoryId& id, uint64_t bytes, uint64_t first_bytes, Handle* handle,
                          Mapping* mapping);

// Whether this system has AddPages. Otherwise, create memory with all of its pages.
bool CanAddPages();

// Makes the pages of an own mapping from the offset `from` to `to` exist. Works after the memory
// was sealed. Errors: kOutOfMemory, kUnavailable; then some may exist.
Status AddPages(const Mapping& mapping, uint64_t from, uint64_t to);

// Forbids every process, also this one, to map the memory writable, to write to it in another way,
// or to change its size. Existing mappings stay writable. Errors: kUnavailable. On Windows, the
// access list of the memory does this since its creation, and does not bind this process.
Status SealSharedMemory(const Handle& handle);

// Maps the memory of another process read-only. Verifies that it is sealed, that `is_size` accepts
// its size, and that the pages of its first `first_bytes` exist (macOS: makes them exist). So no
// later read of them faults, and none allocates memory, which the kernel would charge to this
// process. Takes no lock that the peer can hold. Errors: kCorrupt; kUnavailable (some pages do not
// exist now, or the system does not report it); kOutOfMemory.
Status MapPeerMemory(const Handle& handle, bool (*is_size)(uint64_t bytes), uint64_t first_bytes,
                     Mapping* mapping);

// Verifies the same of all pages from the offset `from` on. Errors: kUnavailable.
Status CheckPeerPages(const Mapping& mapping, uint64_t from);

}  // namespace shmwire::platform
