#pragma once

// Cells for tests: a writer and a reader over the same mapping.

#include "core/cell_reader.h"
#include "core/cell_writer.h"
#include "test/support.h"

namespace shmwire::test {

inline OwnSegment MakeCellSegment(uint64_t value_bytes) {
  OwnSegment segment;
  REQUIRE(OwnSegment::Create(SegmentKind::kCell, CellDataBytes(value_bytes), &segment).ok());
  return segment;
}

struct CellPair {
  explicit CellPair(uint64_t value_bytes = 2040)
      : segment(MakeCellSegment(value_bytes)),
        view(PeerSegment::Borrow(segment)),
        writer(segment),
        reader(view),
        target(value_bytes) {}

  void Set(const Payload& value) { writer.Set(value.data(), value.size()); }
  Status Get(CellValue* value) { return reader.Get(target.data(), target.size(), value); }
  [[nodiscard]] Payload Copied(const CellValue& value) const {
    return {target.begin(), target.begin() + static_cast<ptrdiff_t>(value.length)};
  }
  [[nodiscard]] CellControl* control() const { return segment.control_as<CellControl>(); }

  OwnSegment segment;
  PeerSegment view;
  CellWriter writer;
  CellReader reader;
  Payload target;
};

}  // namespace shmwire::test
