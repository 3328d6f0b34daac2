#pragma once

// The two mappings of a connection's end: one's own segment, read-write, and the peer's, read-only.

#include <cstddef>
#include <cstdint>

#include "core/segment_layout.h"
#include "core/shared_mapping.h"
#include "core/status.h"
#include "platform/handle.h"

namespace shmwire {

// A segment that this process created and alone can write.
class OwnSegment {
 public:
  // Creates, maps, initialises and seals. Errors: kInvalidArgument (`ring_bytes` is no power of two
  // from 64 KiB to 1 GiB), kOutOfMemory, kUnavailable.
  static Status Create(uint64_t ring_bytes, OwnSegment* segment);

  [[nodiscard]] bool valid() const { return mapping_.valid(); }
  [[nodiscard]] uint64_t ring_bytes() const { return mapping_.bytes() - kDataOffset; }
  [[nodiscard]] ControlBlock* control() const {
    return reinterpret_cast<ControlBlock*>(mapping_.data() + kControlOffset);
  }
  [[nodiscard]] std::byte* data() const { return mapping_.data() + kDataOffset; }
  // What the peer needs to map it. Writing through it is sealed off.
  [[nodiscard]] const platform::Handle& handle() const { return handle_; }

  // The mapping stays.
  void CloseHandle() { handle_.Close(); }
  // For further owners of the memory.
  [[nodiscard]] const SharedMapping& mapping() const { return mapping_; }

 private:
  platform::Handle handle_;
  SharedMapping mapping_;
};

// A segment that the peer created. Everything in it but the checked copy of the header is input: it
// may change at any time and hold anything.
class PeerSegment {
 public:
  // Verifies and maps. Errors: kCorrupt, kVersion, kUnavailable, kOutOfMemory.
  static Status Map(const platform::Handle& handle, PeerSegment* segment);
  // The peer is in this process and uses the same mapping, which must outlive the result. For tests
  // under ThreadSanitizer, which does not see that two addresses are one memory.
  static PeerSegment Borrow(const OwnSegment& own);

  [[nodiscard]] bool valid() const { return base_ != nullptr; }
  [[nodiscard]] uint64_t ring_bytes() const { return ring_bytes_; }
  [[nodiscard]] const ControlBlock* control() const {
    return reinterpret_cast<const ControlBlock*>(base_ + kControlOffset);
  }
  [[nodiscard]] const std::byte* data() const { return base_ + kDataOffset; }
  // For further owners of the memory. None when it is borrowed.
  [[nodiscard]] const SharedMapping& mapping() const { return mapping_; }

 private:
  SharedMapping mapping_;
  const std::byte* base_ = nullptr;
  uint64_t ring_bytes_ = 0;
};

}  // namespace shmwire
