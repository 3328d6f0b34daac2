#pragma once

// Copies the newest value out of another process's cell segment (cell_layout.h).
//
// Used by one thread. Everything that the writer wrote is input: each word is loaded once into a
// local, checked, and only then used.

#include <cstddef>
#include <cstdint>

#include "core/cell_layout.h"
#include "core/segment.h"
#include "core/status.h"

namespace shmwire {

struct CellValue {
  uint64_t version = 0;  // 0: no value was stored
  uint64_t length = 0;   // longer than the target: nothing was copied
  // The writer overtook the reader in each try. Call Get again later.
  bool behind = false;
};

class CellReader {
 public:
  // The segment must outlive the reader.
  explicit CellReader(const PeerSegment& peer)
      : data_(peer.data()),
        control_(peer.control_as<CellControl>()),
        slot_bytes_(CellSlotBytes(peer.data_bytes())) {}

  // Loads and checks the newest version. Errors: kCorrupt.
  Status LoadVersion(uint64_t* version);
  // Copies the newest value into `target`, or only reports its length. Errors: kCorrupt.
  Status Get(std::byte* target, uint64_t target_bytes, CellValue* value);

 private:
  // `*intact`: false if the writer overtook the copy.
  Status TryGet(std::byte* target, uint64_t target_bytes, CellValue* value, bool* intact);

  const std::byte* data_;
  const CellControl* control_;
  uint64_t slot_bytes_;

  // The newest that was loaded: versions never decrease.
  uint64_t version_ = 0;
};

}  // namespace shmwire
