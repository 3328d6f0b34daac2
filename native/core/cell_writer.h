#pragma once

// Writes values into the own cell segment. Only this class moves the sequence. Format:
// cell_layout.h.
//
// Used by one thread. The sequence is private and never read back from memory.

#include <cstddef>
#include <cstdint>

#include "core/cell_layout.h"
#include "core/segment.h"

namespace shmwire {

class CellWriter {
 public:
  // The segment must outlive the writer.
  explicit CellWriter(const OwnSegment& own)
      : data_(own.data()),
        control_(own.control_as<CellControl>()),
        slot_bytes_(CellSlotBytes(own.data_bytes())) {}

  // Stores and publishes a value, which fits into a slot with its length.
  void Set(const std::byte* value, uint64_t bytes);
  // The newest version; 0 before the first value.
  [[nodiscard]] uint64_t version() const { return version_; }

 private:
  std::byte* data_;
  CellControl* control_;
  uint64_t slot_bytes_;

  uint64_t version_ = 0;
};

}  // namespace shmwire
