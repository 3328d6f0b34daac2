#include "fuzz/checked_reader.h"

#include <cstring>

#include "fuzz/require.h"

namespace shmwire::fuzz {
namespace {

using Found = ReferenceReader::Found;

constexpr uint64_t kCanaryBytes = 32;
constexpr int kCanary = 0xA5;

OwnSegment MakeSegment(uint64_t ring_bytes) {
  OwnSegment segment;
  FUZZ_REQUIRE(OwnSegment::Create(ring_bytes, &segment).ok());
  return segment;
}

bool IsCanary(const std::byte* bytes) {
  for (uint64_t index = 0; index < kCanaryBytes; index++) {
    if (bytes[index] != std::byte{kCanary}) return false;
  }
  return true;
}

}  // namespace

ReaderMemory::ReaderMemory(uint64_t ring_bytes)
    : peer(MakeSegment(ring_bytes)),
      own(MakeSegment(kRingBytes)),
      peer_view(MapReadOnly(peer)),
      target(MapGuarded(kRingBytes + kCanaryBytes)),
      message(MapGuarded(kMessageBytesMost + kCanaryBytes)),
      descriptors(MapGuarded(kDescriptorsMost * sizeof(MessageDescriptor))) {
  LeaveControlOnly(own);
}

CheckedReader::CheckedReader(ReaderMemory* memory, uint64_t message_bytes_max)
    : memory_(memory),
      reader_(memory->peer_view, memory->own, message_bytes_max),
      reference_(memory->peer, message_bytes_max),
      message_bytes_max_(message_bytes_max) {
  LetPagesExist(true);
  std::memset(static_cast<void*>(memory->own.control()), 0, sizeof(ControlBlock));
}

void CheckedReader::Check(Status status) {
  FUZZ_REQUIRE(status.ok() || status.code() == StatusCode::kCorrupt);
  failed_ = !status.ok();
}

void CheckedReader::Poll() {
  const Status status = reader_.Poll();
  Check(status);
  if (!frozen_) {
    FUZZ_REQUIRE(status.ok() == reference_.Poll(memory_->peer.control()->tail.LoadRelaxed()));
  }
  FUZZ_REQUIRE(!frozen_ || status.ok());
  FUZZ_REQUIRE(reader_.has_data() == (reference_.head() != reference_.tail()));
}

void CheckedReader::Freeze() {
  const Status status = reader_.Freeze();
  Check(status);
  if (!frozen_) {
    FUZZ_REQUIRE(status.ok() == reference_.Poll(memory_->peer.control()->tail.LoadRelaxed()));
  }
  frozen_ = true;
}

void CheckedReader::Receive(int64_t target_bytes, uint64_t offset, uint32_t descriptors_max) {
  const uint64_t bytes = target_bytes < 0 ? 0 : static_cast<uint64_t>(target_bytes);
  std::byte* target = memory_->target.Last(bytes);
  std::memset(target - kCanaryBytes, kCanary, kCanaryBytes);
  auto* descriptors = reinterpret_cast<MessageDescriptor*>(
      memory_->descriptors.Last(descriptors_max * sizeof(MessageDescriptor)));
  Batch batch = {.target = target_bytes < 0 ? nullptr : target,
                 .target_bytes = bytes,
                 .offset = offset,
                 .descriptors = descriptors,
                 .descriptors_max = descriptors_max};
  bool more = false;
  const Status status = reader_.Receive(&batch, &more);
  Check(status);
  FUZZ_REQUIRE(IsCanary(target - kCanaryBytes));
  FUZZ_REQUIRE(batch.target_bytes == bytes && batch.descriptors == descriptors);
  CheckBatch(batch, offset);
  CheckStop(status, batch, more);
}

// Each delivered message is the next one in the ring, and follows the previous one in the target.
void CheckedReader::CheckBatch(const Batch& batch, uint64_t offset) {
  FUZZ_REQUIRE(batch.count <= batch.descriptors_max);
  uint64_t end = offset;
  for (uint32_t index = 0; index < batch.count; index++) {
    const MessageDescriptor& one = batch.descriptors[index];
    ReferenceReader::Record record;
    FUZZ_REQUIRE(reference_.head() - released_ < reference_.ring_bytes() / 4);
    FUZZ_REQUIRE(!reference_.message_open() && reference_.Peek(&record) == Found::kRecord);
    FUZZ_REQUIRE(record.whole() && one.kind == record.header.kind && one.id == record.header.id);
    FUZZ_REQUIRE(one.length == record.header.length);
    const std::byte* payload = reference_.PayloadAt(record);
    if (batch.target == nullptr) {
      FUZZ_REQUIRE(memory_->peer.data() + one.offset == payload);
    } else if (one.length != 0) {
      FUZZ_REQUIRE(one.offset == (end + 7) / 8 * 8 &&
                   one.offset + one.length <= batch.target_bytes);
      FUZZ_REQUIRE(std::memcmp(batch.target + one.offset, payload, one.length) == 0);
      end = one.offset + one.length;
    }
    reference_.Take(record);
    messages_++;
    bytes_ += one.length;
  }
  FUZZ_REQUIRE(batch.offset == end);
}

// Checks the reason for which the batch ended.
void CheckedReader::CheckStop(Status status, const Batch& batch, bool more) {
  const bool asks = batch.required_bytes >= 0;
  FUZZ_REQUIRE(asks || !batch.fragmented);
  if (batch.count == batch.descriptors_max) {
    FUZZ_REQUIRE(status.ok() && !more && !asks);
    return;
  }
  FUZZ_REQUIRE(more == (reference_.head() - released_ >= reference_.ring_bytes() / 4));
  if (more) {
    FUZZ_REQUIRE(status.ok() && !asks);
    return;
  }
  const bool was_open = reference_.message_open();
  ReferenceReader::Record record;
  const Found found = reference_.Peek(&record);
  FUZZ_REQUIRE(status.ok() == (found != Found::kViolation));
  FUZZ_REQUIRE(asks == (found == Found::kRecord));
  if (found != Found::kRecord) return;
  FUZZ_REQUIRE(batch.fragmented == (was_open || !record.whole()));
  const auto required = static_cast<uint64_t>(batch.required_bytes);
  if (!batch.fragmented) {
    const uint64_t start = (batch.offset + 7) / 8 * 8;
    FUZZ_REQUIRE(batch.target != nullptr && required == record.header.length);
    FUZZ_REQUIRE(start + required > batch.target_bytes);
    return;
  }
  if (!was_open) reference_.Open(record);
  FUZZ_REQUIRE(required == reference_.message().total_bytes && required <= message_bytes_max_);
}

void CheckedReader::Assemble(int64_t wrong_bytes) {
  const bool open = reference_.message_open();
  const int64_t right = open ? static_cast<int64_t>(reference_.message().total_bytes) : 0;
  const auto bytes = static_cast<uint64_t>(
      std::clamp<int64_t>(right + wrong_bytes, 0, static_cast<int64_t>(kMessageBytesMost)));
  const uint64_t before = open ? reference_.received_bytes() : 0;
  std::byte* target = memory_->message.Last(bytes);
  std::memset(target - kCanaryBytes, kCanary, kCanaryBytes);
  AssembledMessage message = {.received_bytes = 7, .whole = true, .kind = 7, .id = 7};
  bool more = true;
  const Status status = reader_.Assemble(target, bytes, &message, &more);
  FUZZ_REQUIRE(IsCanary(target - kCanaryBytes));
  const bool acceptable = open && bytes == static_cast<uint64_t>(right);
  FUZZ_REQUIRE((status.code() == StatusCode::kInvalidArgument) == !acceptable);
  if (!acceptable) {
    FUZZ_REQUIRE(!message.whole && message.received_bytes == 0 && !more);
    return;
  }
  Check(status);
  CheckFragments(status, before, message, more);
}

void CheckedReader::CheckFragments(Status status, uint64_t before, const AssembledMessage& message,
                                   bool more) {
  const ReferenceReader::Record first = reference_.message();
  const std::byte* target = memory_->message.Last(first.total_bytes);
  FUZZ_REQUIRE(message.received_bytes >= before && message.received_bytes <= first.total_bytes);
  FUZZ_REQUIRE(message.whole == (message.received_bytes == first.total_bytes));
  bytes_ += message.received_bytes - before;
  for (uint64_t at = before; at < message.received_bytes;) {
    ReferenceReader::Record record;
    FUZZ_REQUIRE(reference_.head() - released_ < reference_.ring_bytes() / 4);
    const uint64_t prefix = reference_.first_waits() ? 8 : 0;
    FUZZ_REQUIRE(reference_.Peek(&record) == Found::kRecord);
    const uint64_t count = record.header.length - prefix;
    FUZZ_REQUIRE(std::memcmp(target + at, reference_.PayloadAt(record) + prefix, count) == 0);
    reference_.Take(record);
    at += count;
  }
  FUZZ_REQUIRE(message.whole == !reference_.message_open());
  if (message.whole) {
    FUZZ_REQUIRE(status.ok() && !more);
    FUZZ_REQUIRE(message.kind == first.header.kind && message.id == first.header.id);
    messages_++;
    return;
  }
  // Like the reader: it checks for room to release only while records are left.
  const bool left = reference_.head() != reference_.tail();
  FUZZ_REQUIRE(more == (left && reference_.head() - released_ >= reference_.ring_bytes() / 4));
  if (more) return;
  ReferenceReader::Record record;
  const Found found = reference_.Peek(&record);
  FUZZ_REQUIRE(found == (status.ok() ? Found::kNothing : Found::kViolation));
}

void CheckedReader::Release() {
  const bool moved = reference_.head() != released_;
  FUZZ_REQUIRE(reader_.Release() == moved);
  released_ = reference_.head();
  FUZZ_REQUIRE(memory_->own.control()->head.LoadRelaxed() == released_);
  const uint64_t used = reference_.tail() - reference_.head();
  const uint64_t most = reference_.ahead_max();
  FUZZ_REQUIRE(reader_.worth_waking() == (most - used >= most / 4));
}

void CheckedReader::CheckOwnMemory() const {
  static const ControlBlock kUntouched{};
  const ControlBlock* control = memory_->own.control();
  FUZZ_REQUIRE(control->head.LoadRelaxed() == released_);
  FUZZ_REQUIRE(control->counters.messages_read.LoadRelaxed() == messages_);
  FUZZ_REQUIRE(control->counters.bytes_read.LoadRelaxed() == bytes_);
  FUZZ_REQUIRE(control->accepted.LoadRelaxed() == (reference_.accepted() ? 1 : 0));
  // All but head, the counters and accepted.
  const auto* bytes = reinterpret_cast<const std::byte*>(control);
  const auto* zeros = reinterpret_cast<const std::byte*>(&kUntouched);
  constexpr size_t kHeadEnd = offsetof(ControlBlock, head) + sizeof(uint64_t);
  FUZZ_REQUIRE(std::memcmp(bytes, zeros, offsetof(ControlBlock, head)) == 0);
  FUZZ_REQUIRE(std::memcmp(bytes + kHeadEnd, zeros, offsetof(ControlBlock, counters) - kHeadEnd) ==
               0);
  FUZZ_REQUIRE(control->wake_sent_at.LoadRelaxed() == 0 && control->woken_at.LoadRelaxed() == 0);
}

}  // namespace shmwire::fuzz
