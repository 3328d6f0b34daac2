#pragma once

// Mappings of segments: an own one, read-write, and that of another process, read-only.

#include <cstddef>
#include <cstdint>

#include "core/segment_layout.h"
#include "core/shared_mapping.h"
#include "core/status.h"
#include "platform/handle.h"
#include "platform/shared_memory.h"
#include "platform/wait_objects.h"

namespace shmwire {

// A segment that this process created and that no other process can write.
class OwnSegment {
 public:
  // Creates, maps, initialises and seals a ring, which is elastic if `ring_bytes` is more than
  // kSmallRingBytes and the system can add pages. A random id by default. Errors: kInvalidArgument
  // (`ring_bytes` is not a power of two from 64 KiB to 1 GiB), kOutOfMemory, kUnavailable.
  static Status Create(uint64_t ring_bytes, OwnSegment* segment,
                       const platform::MemoryId* id = nullptr);
  // The same for any kind; all others exist whole. Errors: kInvalidArgument (IsDataBytes is false),
  // and as above.
  static Status Create(SegmentKind kind, uint64_t data_bytes, OwnSegment* segment,
                       const platform::MemoryId* id = nullptr);

  [[nodiscard]] bool valid() const { return mapping_.valid(); }
  [[nodiscard]] uint64_t data_bytes() const { return mapping_.bytes() - kDataOffset; }
  [[nodiscard]] uint64_t ring_bytes() const { return data_bytes(); }
  // Before AddPages, only the first kSmallRingBytes of the data exist.
  [[nodiscard]] bool elastic() const { return elastic_; }
  // Makes the bytes of an elastic ring from `from` to `to` exist. Errors: kOutOfMemory,
  // kUnavailable.
  [[nodiscard]] Status AddPages(uint64_t from, uint64_t to) const;
  [[nodiscard]] ControlBlock* control() const { return control_as<ControlBlock>(); }
  // The control block of the segment's kind.
  template <typename Control>
  [[nodiscard]] Control* control_as() const {
    return reinterpret_cast<Control*>(mapping_.data() + kControlOffset);
  }
  [[nodiscard]] std::byte* data() const { return mapping_.data() + kDataOffset; }
  [[nodiscard]] const platform::MemoryId& id() const { return id_; }
  // For the peer, which maps it. The seals forbid writing through it.
  [[nodiscard]] const platform::Handle& handle() const { return handle_; }

  // Keeps the mapping.
  void CloseHandle() { handle_.Close(); }
  // For further owners of the mapping.
  [[nodiscard]] const SharedMapping& mapping() const { return mapping_; }

 private:
  platform::MemoryId id_{};
  platform::Handle handle_;
  SharedMapping mapping_;
  bool elastic_ = false;
};

// A segment that another process created. Only the checked copy of the header is trusted.
// Everything else is input: it may change at any time, to any value.
class PeerSegment {
 public:
  // Verifies and maps a ring. Errors: kCorrupt, kVersion, kUnavailable, kOutOfMemory.
  static Status Map(const platform::Handle& handle, PeerSegment* segment) {
    return Map(SegmentKind::kRing, handle, segment);
  }
  // The same for any kind; another one is kCorrupt.
  static Status Map(SegmentKind kind, const platform::Handle& handle, PeerSegment* segment);
  // For a peer in this process: uses its mapping, which must outlive the result. For tests under
  // ThreadSanitizer, which does not detect that two addresses are the same memory.
  static PeerSegment Borrow(const OwnSegment& own);
  // The same, as a further owner of the mapping.
  static PeerSegment Share(const OwnSegment& own);

  [[nodiscard]] bool valid() const { return base_ != nullptr; }
  [[nodiscard]] uint64_t data_bytes() const { return data_bytes_; }
  [[nodiscard]] uint64_t ring_bytes() const { return data_bytes_; }
  // Only the first kSmallRingBytes of the data exist, until CheckPages succeeds.
  [[nodiscard]] bool elastic() const { return elastic_; }
  // Verifies that the rest of an elastic ring exists. Errors: kUnavailable.
  [[nodiscard]] Status CheckPages() const;
  // As the segment states it.
  [[nodiscard]] const platform::ProcessIdentity& owner() const { return owner_; }
  [[nodiscard]] const ControlBlock* control() const { return control_as<ControlBlock>(); }
  // The control block of the segment's kind.
  template <typename Control>
  [[nodiscard]] const Control* control_as() const {
    return reinterpret_cast<const Control*>(base_ + kControlOffset);
  }
  [[nodiscard]] const std::byte* data() const { return base_ + kDataOffset; }
  // For further owners of the mapping. Not valid if the segment is borrowed.
  [[nodiscard]] const SharedMapping& mapping() const { return mapping_; }

 private:
  SharedMapping mapping_;
  const std::byte* base_ = nullptr;
  uint64_t data_bytes_ = 0;
  bool elastic_ = false;
  // The memory is a mapping of its own, and another process may not have created its pages.
  bool mapped_ = false;
  platform::ProcessIdentity owner_;
};

}  // namespace shmwire
