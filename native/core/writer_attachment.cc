#include "core/writer_attachment.h"

namespace shmwire {

Status WriterAttachment::Create(SegmentKind kind, uint64_t data_bytes) {
  if (own_.valid() || closed_) {
    return Status::Error(StatusCode::kInvalidArgument, "the writer is already created");
  }
  return OwnSegment::Create(kind, data_bytes, &own_);
}

Status WriterAttachment::CheckOpen() const {
  if (closed_) return Status::Error(StatusCode::kClosed, "the writer is closed");
  if (!own_.valid()) {
    return Status::Error(StatusCode::kInvalidArgument, "the writer was not created");
  }
  return {};
}

Status WriterAttachment::Accept(platform::HandoverSocket* socket, const platform::Token& token,
                                uint32_t* reader) {
  if (Status status = CheckOpen(); !status.ok()) return status;
  return readers_.Accept(socket, token, own_, reader);
}

void WriterAttachment::AnnounceClosed(SharedWord<uint32_t>* state, WakeCounts* counts) {
  // SYNC(broadcast.close): observed in BroadcastSubscriber::LoadClosed. SYNC(cell.close): observed
  // in CellWatcher::LoadClosed. seq_cst for SYNC(wake.arm), B1. After all that was published.
  state->StoreSeqCst(static_cast<uint32_t>(SegmentState::kClosed));
  Wake(counts);
}

void WriterAttachment::Close() {
  closed_ = true;
  readers_.DetachAll();
  own_ = OwnSegment();
}

}  // namespace shmwire
