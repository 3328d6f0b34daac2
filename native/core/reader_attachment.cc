#include "core/reader_attachment.h"

#include <utility>

#include "core/segment_handover.h"

namespace shmwire {

Status ReaderAttachment::CheckUnattached() const {
  if (closed_) return Status::Error(StatusCode::kClosed, "the reader is closed");
  if (writer_.valid()) {
    return Status::Error(StatusCode::kInvalidArgument, "the reader is already attached");
  }
  return {};
}

Status ReaderAttachment::CheckAttached() const {
  if (closed_) return Status::Error(StatusCode::kClosed, "the reader is closed");
  if (!writer_.valid()) {
    return Status::Error(StatusCode::kInvalidArgument, "the reader is not attached yet");
  }
  return {};
}

Status ReaderAttachment::Create() {
  if (own_.valid()) return {};
  return OwnSegment::Create(SegmentKind::kReader, 0, &own_);
}

Status ReaderAttachment::Offer(const char* socket_path, const platform::Token& token, bool* full) {
  *full = false;
  if (Status status = CheckUnattached(); !status.ok()) return status;
  if (Status status = Create(); !status.ok()) return status;
  return OfferSegment(own_, socket_path, token, &own_doorbell_, full);
}

Status ReaderAttachment::Attach(const platform::Credentials* server) {
  if (Status status = CheckUnattached(); !status.ok()) return status;
  if (!own_doorbell_.valid()) {
    return Status::Error(StatusCode::kInvalidArgument, "the reader has offered no handles");
  }
  platform::Handle memory;
  // The writer's doorbell is not used: it is closed on return.
  platform::Handle doorbell;
  Status status = platform::ReceiveHandles(own_doorbell_, server, &memory, &doorbell, own_.id());
  if (!status.ok()) return status;
  // ReceiveHandles has checked it, so closing it does not block.
  doorbell.CloseHere();
  if (status = platform::RefuseHandles(&own_doorbell_); !status.ok()) return status;
  PeerSegment writer;
  if (status = PeerSegment::Map(kind_, memory, &writer); !status.ok()) return status;
  // The mapping keeps the memory.
  memory.CloseHere();
  return Attach(std::move(writer));
}

Status ReaderAttachment::Attach(PeerSegment writer) {
  if (Status status = CheckUnattached(); !status.ok()) return status;
  writer_ = std::move(writer);
  sleeper_ = Sleeper(&control()->data_wake);
  // The mappings keep the memory.
  own_.CloseHandle();
  return {};
}

Status ReaderAttachment::AttachOwn(const OwnSegment& writer, AttachedReaders* readers,
                                   uint32_t* reader) {
  if (Status status = CheckUnattached(); !status.ok()) return status;
  if (Status status = Create(); !status.ok()) return status;
  if (Status status = readers->AttachOwn(own_, reader); !status.ok()) return status;
  // Of an earlier Offer.
  own_doorbell_.Close();
  return Attach(PeerSegment::Share(writer));
}

Status ReaderAttachment::Disarm() {
  if (Status status = CheckAttached(); !status.ok()) return status;
  sleeper_.Disarm();
  return {};
}

intptr_t ReaderAttachment::TransferDoorbell() {
  if (!writer_.valid() || !own_doorbell_.valid()) return platform::Handle::kNone;
  return event_loop_doorbell_.Transfer(std::move(own_doorbell_));
}

void ReaderAttachment::Close() {
  closed_ = true;
  own_doorbell_.Close();
  event_loop_doorbell_.Reclaim();
  writer_ = PeerSegment();
  own_ = OwnSegment();
}

}  // namespace shmwire
