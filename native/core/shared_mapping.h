#pragma once

// A mapping with several owners: an end of a connection, and each buffer that exposes the memory to
// JavaScript, perhaps in another thread after a transfer. The last owner unmaps it.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/status.h"
#include "platform/shared_memory.h"

namespace shmwire {

class SharedMapping {
 public:
  // Errors: kOutOfMemory; then the mapping is unmapped.
  static Status Share(platform::Mapping mapping, SharedMapping* shared);

  SharedMapping() = default;
  SharedMapping(const SharedMapping& other) : shared_(other.shared_) { AddOwner(); }
  SharedMapping(SharedMapping&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
  SharedMapping& operator=(SharedMapping other) noexcept {
    std::swap(shared_, other.shared_);
    return *this;
  }
  ~SharedMapping() { RemoveOwner(); }

  [[nodiscard]] bool valid() const { return shared_ != nullptr; }
  [[nodiscard]] std::byte* data() const {
    return shared_ == nullptr ? nullptr : shared_->mapping.data();
  }
  [[nodiscard]] uint64_t bytes() const { return shared_ == nullptr ? 0 : shared_->mapping.bytes(); }
  // Of a valid one.
  [[nodiscard]] const platform::Mapping& mapping() const { return shared_->mapping; }

  // For an owner that cannot know whether others still use the memory. The addresses stay readable
  // until the process ends, but the last owner frees the memory behind them.
  void KeepAddresses();

 private:
  struct Shared {
    platform::Mapping mapping;
    std::atomic<uint32_t> owners{1};
    std::atomic<bool> keeps_addresses{false};
  };

  void AddOwner();
  void RemoveOwner();

  Shared* shared_ = nullptr;
};

}  // namespace shmwire
