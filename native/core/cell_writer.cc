#include "core/cell_writer.h"

namespace shmwire {

void CellWriter::Set(const std::byte* value, uint64_t bytes) {
  const uint64_t version = version_ + 1;
  std::byte* slot = data_ + (version % kCellSlots) * slot_bytes_;
  // F1 of SYNC(cell.overwrite); its partner is in CellReader::TryGet. It orders the previous
  // sequence before the words of this value.
  SharedAccess::ReleaseFence();
  // Relaxed: the fence and the sequence order it.
  reinterpret_cast<SharedWord<uint64_t>*>(slot)->StoreRelaxed(bytes);
  if (bytes != 0) SharedAccess::StoreWords(slot + kCellLengthBytes, value, bytes);
  version_ = version;
  // SYNC(cell.publish): observed in CellReader::LoadVersion. seq_cst for SYNC(wake.arm), B1.
  // SYNC(cell.overwrite): observed in CellReader::TryGet, by F1 of the next call.
  control_->sequence.StoreSeqCst(version);
}

}  // namespace shmwire
