#include "core/cell_watcher.h"

namespace shmwire {

Status CellWatcher::CheckUsable() {
  if (reader_.has_value()) return violation_;
  if (Status status = attachment_.CheckAttached(); !status.ok()) return status;
  reader_.emplace(attachment_.writer());
  return {};
}

Status CellWatcher::KeepViolation(Status status) {
  if (status.code() == StatusCode::kCorrupt) violation_ = status;
  return status;
}

Status CellWatcher::AttachOwn(CellPublisher* publisher, uint32_t* reader) {
  WriterAttachment* writer = publisher->attachment();
  if (Status status = writer->CheckOpen(); !status.ok()) return status;
  return attachment_.AttachOwn(writer->own(), writer->readers(), reader);
}

bool CellWatcher::LoadClosed() const {
  // SYNC(cell.close): stored in WriterAttachment::AnnounceClosed. seq_cst like every load after an
  // arming.
  return attachment_.writer().control_as<CellControl>()->state.LoadSeqCst() !=
         static_cast<uint32_t>(SegmentState::kOpen);
}

Status CellWatcher::Get(std::byte* target, uint64_t target_bytes, CellValue* value, bool* closed) {
  *value = {};
  *closed = false;
  if (Status status = CheckUsable(); !status.ok()) return status;
  // The state first, then the value: a load that sees the close comes after the last value.
  const bool was_closed = LoadClosed();
  Status status = reader_->Get(target, target_bytes, value);
  if (!status.ok()) return KeepViolation(status);
  *closed = was_closed && !value->behind;
  const bool copied = !value->behind && value->length <= target_bytes;
  if (copied) copied_version_ = value->version;
  return {};
}

Status CellWatcher::LoadVersion(uint64_t* version) {
  *version = 0;
  if (Status status = CheckUsable(); !status.ok()) return status;
  return KeepViolation(reader_->LoadVersion(version));
}

Status CellWatcher::Arm(bool* ready) {
  *ready = false;
  if (Status status = CheckUsable(); !status.ok()) return status;
  attachment_.sleeper()->Arm(SleepMode::kEventLoop);
  const bool closed = LoadClosed();
  uint64_t version = 0;
  Status status = reader_->LoadVersion(&version);
  *ready = status.ok() && (closed || version != copied_version_);
  if (!status.ok() || *ready) attachment_.sleeper()->Disarm();
  return KeepViolation(status);
}

void CellWatcher::Close() {
  // First: it points into memory that Close drops.
  reader_.reset();
  attachment_.Close();
}

}  // namespace shmwire
