#include "core/cell_reader.h"

namespace shmwire {
namespace {

// Each time, the writer has stored three values during one copy.
constexpr int kTriesMax = 64;

// Of all tries but the first ones: bounds the time that a hostile writer of long values can take.
constexpr int kLongTriesMax = 4;
constexpr uint64_t kCopiedBytesMax = uint64_t{1} << 20;

Status Corrupt(const char* context) { return Status::Error(StatusCode::kCorrupt, context); }

}  // namespace

Status CellReader::LoadVersion(uint64_t* version) {
  // SYNC(cell.publish): stored in CellWriter::Set. seq_cst for SYNC(wake.arm), A2.
  *version = control_->sequence.LoadSeqCst();
  if (*version < version_) return Corrupt("the version of the cell moved back");
  if (*version > kCellVersionMax) return Corrupt("the version of the cell is impossible");
  version_ = *version;
  return {};
}

Status CellReader::TryGet(std::byte* target, uint64_t target_bytes, CellValue* value,
                          bool* intact) {
  *intact = true;
  if (Status status = LoadVersion(&value->version); !status.ok()) return status;
  value->length = 0;
  if (value->version == 0) return {};
  const std::byte* slot = data_ + (value->version % kCellSlots) * slot_bytes_;
  // Relaxed: the fence orders it.
  value->length = reinterpret_cast<const SharedWord<uint64_t>*>(slot)->LoadRelaxed();
  const bool possible = value->length <= slot_bytes_ - kCellLengthBytes;
  if (possible && value->length != 0 && value->length <= target_bytes) {
    SharedAccess::LoadWords(target, slot + kCellLengthBytes, value->length);
  }
  // F2 of SYNC(cell.overwrite); its partner is in CellWriter::Set.
  SharedAccess::AcquireFence();
  // SYNC(cell.overwrite): stored in CellWriter::Set. Relaxed: the fence orders it after all loads
  // of the slot.
  const uint64_t newest = control_->sequence.LoadRelaxed();
  if (newest < value->version) return Corrupt("the version of the cell moved back");
  // The writer of a fourth value after it uses the slot again, and has published the third.
  *intact = newest - value->version <= kCellSlots - 2;
  return *intact && !possible ? Corrupt("a value is longer than its slot") : Status();
}

Status CellReader::Get(std::byte* target, uint64_t target_bytes, CellValue* value) {
  uint64_t copied_bytes = 0;
  for (int tries = 0; tries < kTriesMax; tries++) {
    if (tries >= kLongTriesMax && copied_bytes > kCopiedBytesMax) break;
    bool intact = false;
    Status status = TryGet(target, target_bytes, value, &intact);
    if (!status.ok() || intact) return status;
    if (value->length <= target_bytes) copied_bytes += value->length;
  }
  *value = {.behind = true};
  return {};
}

}  // namespace shmwire
