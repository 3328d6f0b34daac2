#include "core/attached_readers.h"

#include <utility>

#include "core/growth.h"
#include "core/segment_handover.h"
#include "platform/doorbell.h"

namespace shmwire {

Status AttachedReaders::FindFree(uint32_t* reader) {
  *reader = 0;
  while (*reader < used_ && readers_[*reader].attached()) (*reader)++;
  if (*reader == kReadersMax) {
    return Status::Error(StatusCode::kUnavailable, "there are 1024 readers already");
  }
  if ((*reader >= wakers_size_ && !Grow(&wakers_, &wakers_size_)) ||
      (*reader >= readers_size_ && !Grow(&readers_, &readers_size_))) {
    return Status::Error(StatusCode::kOutOfMemory, "no memory for a further reader");
  }
  return {};
}

Status AttachedReaders::Add(PeerSegment segment, platform::Handle doorbell,
                            platform::Handle own_doorbell, uint32_t* reader) {
  if (Status status = FindFree(reader); !status.ok()) return status;
  wakers_[*reader] = Waker(&segment.control_as<ReaderControl>()->data_wake);
  Reader& added = readers_[*reader];
  added.segment = std::move(segment);
  added.doorbell = std::move(doorbell);
  added.own_doorbell = std::move(own_doorbell);
  if (*reader == used_) used_++;
  return {};
}

Status AttachedReaders::AttachOwn(const OwnSegment& segment, uint32_t* reader) {
  Status status = Add(PeerSegment::Share(segment), platform::Handle(), platform::Handle(), reader);
  // It has no doorbell.
  if (status.ok()) wakers_[*reader] = Waker();
  return status;
}

Status AttachedReaders::Accept(platform::HandoverSocket* socket, const platform::Token& token,
                               const OwnSegment& own, uint32_t* reader) {
  platform::Handover handover;
  // First, so that the socket stops expecting the token in any case.
  if (Status status = socket->Take(token, &handover); !status.ok()) return status;
  Status status = platform::CheckDoorbell(handover.doorbell, handover.sender);
  if (!status.ok()) return status;
  // It was accepted, so closing it does not block.
  handover.doorbell.CloseHere();
  // Before anything is sent: afterwards, Add does not fail.
  if (status = FindFree(reader); !status.ok()) return status;
  PeerSegment segment;
  status = PeerSegment::Map(SegmentKind::kReader, handover.memory, &segment);
  if (!status.ok()) return status;
  // The mapping keeps the memory.
  handover.memory.CloseHere();
  platform::Handle own_doorbell;
  status = AnswerWithSegment(own, handover.doorbell, &own_doorbell);
  if (!status.ok()) return status;
  return Add(std::move(segment), std::move(handover.doorbell), std::move(own_doorbell), reader);
}

void AttachedReaders::Detach(uint32_t reader) {
  if (reader >= used_) return;
  readers_[reader] = Reader();
  wakers_[reader] = Waker();
  while (used_ > 0 && !readers_[used_ - 1].attached()) used_--;
}

void AttachedReaders::DetachAll() {
  while (used_ > 0) Detach(used_ - 1);
}

void AttachedReaders::WakeOne(uint32_t reader, uint32_t* wakes, uint32_t* unwoken) {
  if (platform::WakeThroughDoorbell(readers_[reader].doorbell).ok()) {
    (*wakes)++;
  } else {
    wakers_[reader].Forget();
    (*unwoken)++;
  }
}

}  // namespace shmwire
