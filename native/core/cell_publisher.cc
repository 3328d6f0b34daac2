#include "core/cell_publisher.h"

namespace shmwire {

Status CellPublisher::Create(uint64_t value_bytes_max) {
  if (value_bytes_max > kCellValueBytesMax) {
    return Status::Error(StatusCode::kInvalidArgument, "maxValueBytes must be at most 268435448");
  }
  Status status = attachment_.Create(SegmentKind::kCell, CellDataBytes(value_bytes_max));
  if (!status.ok()) return status;
  value_bytes_max_ = value_bytes_max;
  writer_.emplace(attachment_.own());
  return {};
}

Status CellPublisher::Set(const std::byte* value, uint64_t bytes, uint64_t* version,
                          WakeCounts* counts) {
  *version = 0;
  if (!writer_.has_value()) return attachment_.CheckOpen();
  if (bytes > value_bytes_max_) {
    return Status::Error(StatusCode::kMessageTooLarge, "the value is longer than maxValueBytes");
  }
  writer_->Set(value, bytes);
  *version = writer_->version();
  attachment_.Wake(counts);
  return {};
}

Status CellPublisher::Wake(WakeCounts* counts) {
  if (Status status = attachment_.CheckOpen(); !status.ok()) return status;
  attachment_.Wake(counts);
  return {};
}

void CellPublisher::AnnounceClosed(WakeCounts* counts) {
  if (!writer_.has_value()) return;
  attachment_.AnnounceClosed(&attachment_.own().control_as<CellControl>()->state, counts);
}

void CellPublisher::Close() {
  // A reader that could not be woken sees the end of its control channel.
  WakeCounts counts;
  AnnounceClosed(&counts);
  // First: it points into memory that the next call drops.
  writer_.reset();
  attachment_.Close();
}

}  // namespace shmwire
