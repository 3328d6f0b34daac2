#include "core/broadcast_publisher.h"

namespace shmwire {

Status BroadcastPublisher::Create(uint64_t ring_bytes) {
  Status status = attachment_.Create(SegmentKind::kBroadcast, ring_bytes);
  if (status.ok()) open_.emplace(attachment_.own());
  return status;
}

Status BroadcastPublisher::Accept(platform::HandoverSocket* socket, const platform::Token& token,
                                  bool blocks, uint32_t* reader) {
  // First: the reader would not notice a later failure.
  if (blocks) {
    if (Status status = ReserveBlocking(); !status.ok()) return status;
  }
  Status status = attachment_.Accept(socket, token, reader);
  return status.ok() && blocks ? AddBlocking(*reader) : status;
}

Status BroadcastPublisher::ReserveBlocking() {
  if (!open_.has_value()) return attachment_.CheckOpen();
  return open_->heads.Reserve();
}

Status BroadcastPublisher::AddBlocking(uint32_t reader) {
  if (Status status = attachment_.CheckOpen(); !status.ok()) return status;
  const ReaderControl* control = attachment_.readers()->control(reader);
  Status status = open_->heads.Add(reader, &control->head, open_->writer.tail());
  if (!status.ok()) attachment_.readers()->Detach(reader);
  return status;
}

void BroadcastPublisher::Detach(uint32_t reader) {
  if (!open_.has_value()) return;
  // First: it points into the memory of the reader.
  open_->heads.Remove(reader);
  attachment_.readers()->Detach(reader);
}

Status BroadcastPublisher::Publish(const BroadcastMessage& message, uint64_t* sequence,
                                   WakeCounts* counts) {
  *sequence = 0;
  if (!open_.has_value()) return attachment_.CheckOpen();
  BroadcastWriter& writer = open_->writer;
  if (message.length() > writer.length_max() || message.key_bytes > kKeyBytesMax ||
      message.headers_bytes > kHeadersBytesMax) {
    return Status::Error(StatusCode::kMessageTooLarge,
                         "the key, the headers or the whole message is too long for the topic");
  }
  if (!open_->heads.HasRoom(writer.TailAfter(message.length()), writer.tail())) {
    open_->refused_length = message.length();
    return {};
  }
  writer.Write(message);
  *sequence = writer.sequence();
  attachment_.Wake(counts);
  return {};
}

Status BroadcastPublisher::Wake(WakeCounts* counts) {
  if (Status status = attachment_.CheckOpen(); !status.ok()) return status;
  attachment_.Wake(counts);
  return {};
}

Status BroadcastPublisher::ArmForRoom(bool* has_room) {
  *has_room = false;
  if (!open_.has_value()) return attachment_.CheckOpen();
  // A blocking wait is not offered: the event loop gets the wake-up from the reader's program.
  open_->room_sleeper.Arm(SleepMode::kEventLoop);
  const BroadcastWriter& writer = open_->writer;
  *has_room = open_->heads.HasRoom(writer.TailAfter(open_->refused_length), writer.tail());
  if (*has_room) open_->room_sleeper.Disarm();
  return {};
}

Status BroadcastPublisher::DisarmForRoom() {
  if (!open_.has_value()) return attachment_.CheckOpen();
  open_->room_sleeper.Disarm();
  return {};
}

uint32_t BroadcastPublisher::slowest() const {
  return open_.has_value() ? open_->heads.Slowest() : ReaderHeads::kNoReader;
}

uint32_t BroadcastPublisher::violator() const {
  return open_.has_value() ? open_->heads.Violator() : ReaderHeads::kNoReader;
}

void BroadcastPublisher::AnnounceClosed(WakeCounts* counts) {
  if (!open_.has_value()) return;
  attachment_.AnnounceClosed(&attachment_.own().control_as<BroadcastControl>()->state, counts);
}

void BroadcastPublisher::Close() {
  // A reader that could not be woken sees the end of its control channel.
  WakeCounts counts;
  AnnounceClosed(&counts);
  // First: it points into memory that the next call drops.
  open_.reset();
  attachment_.Close();
}

}  // namespace shmwire
