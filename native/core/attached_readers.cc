#include "core/attached_readers.h"

#include <utility>

#include "core/growth.h"
#include "platform/doorbell.h"

namespace shmwire {

Status AttachedReaders::FindFree(uint32_t* reader) {
  *reader = 0;
  while (*reader < used_ && readers_[*reader].attached()) (*reader)++;
  if (*reader == kReadersMax) {
    return Status::Error(StatusCode::kUnavailable, "there are 4096 readers already");
  }
  if ((*reader >= wakers_size_ && !Grow(&wakers_, &wakers_size_)) ||
      (*reader >= readers_size_ && !Grow(&readers_, &readers_size_))) {
    return Status::Error(StatusCode::kOutOfMemory, "no memory for a further reader");
  }
  return {};
}

void AttachedReaders::Attach(uint32_t reader, Reader attached, Waker waker) {
  readers_[reader] = std::move(attached);
  wakers_[reader] = waker;
  if (reader == used_) used_++;
}

Status AttachedReaders::Accept(platform::HandoverSocket* socket, const platform::Token& token,
                               const OwnSegment& own, uint32_t* reader) {
  platform::Handover handover;
  // First, so that the socket stops expecting the token in any case.
  if (Status status = socket->Take(token, &handover); !status.ok()) return status;
  if (Status status = FindFree(reader); !status.ok()) return status;
  Status status = platform::CheckDoorbell(handover.doorbell, handover.sender);
  if (!status.ok()) return status;
  // It was accepted, so closing it does not block.
  handover.doorbell.CloseHere();
  Reader accepted;
  status = PeerSegment::Map(SegmentKind::kReader, handover.memory, &accepted.segment);
  if (!status.ok()) return status;
  // The mapping keeps the memory.
  handover.memory.CloseHere();
  platform::Handle peer_end;
  status = platform::MakeDoorbell(&accepted.own_doorbell, &peer_end, own.id());
  if (!status.ok()) return status;
  if (status = platform::RefuseHandles(&accepted.own_doorbell); !status.ok()) return status;
  status = platform::SendHandles(handover.doorbell, own.handle(), peer_end);
  if (!status.ok()) return status;
  accepted.doorbell = std::move(handover.doorbell);
  const Waker waker(&accepted.segment.control_as<ReaderControl>()->data_wake);
  Attach(*reader, std::move(accepted), waker);
  return {};
}

Status AttachedReaders::AttachOwn(const OwnSegment& segment, uint32_t* reader) {
  if (Status status = FindFree(reader); !status.ok()) return status;
  Reader attached;
  attached.segment = PeerSegment::Share(segment);
  Attach(*reader, std::move(attached), Waker());
  return {};
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
