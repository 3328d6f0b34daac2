#include "test/explore/side.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/shared_access.h"
#include "test/explore/explorer.h"

namespace shmwire::explore {
namespace {

constexpr uint64_t kRingBytes = kRingBytesMin;
constexpr uint64_t kInlineMax = InlineBytesMax(kRingBytes);
constexpr uint64_t kMessageBytesMax = 2 * kRingBytes;
constexpr uint64_t kForeverNanos = UINT64_MAX;
constexpr uint64_t kTargetBytes = 2 * kInlineMax;
constexpr uint32_t kDescriptors = 8;
constexpr uint16_t kKind = 1;
constexpr uint64_t kSmallMax = 80;
// 23 of their records leave 32 bytes of a small ring.
constexpr uint64_t kExactBytes = 2832;

// PrepareOffer: the messages before OFFER, the first one behind it, and the last one in the ring.
constexpr uint32_t kOfferedLap = kRecordsPerRingMin;
constexpr uint32_t kOfferedFill = kRecordsPerRingMin - 1;
constexpr uint32_t kOfferedFirst = kOfferedLap + kOfferedFill;
constexpr uint32_t kOfferedLast = kOfferedFirst + kRecordsPerRingMin - 1;

// Both ends compute the same value without communication.
uint64_t BytesOf(uint64_t seed, uint32_t id, Sizes sizes) {
  Random random(seed ^ (uint64_t{id} << 32));
  switch (sizes) {
    case Sizes::kSmall:
      return random.Below(kSmallMax);
    case Sizes::kLargest:
      return kInlineMax;
    case Sizes::kFragments:
      return kInlineMax + random.Below(kRingBytes);
    case Sizes::kExact:
      return kExactBytes;
    case Sizes::kOffered:
      if (id == kOfferedFirst) return kSmallMax;
      return id == kOfferedLast ? 2 * kSmallMax : kInlineMax;
    case Sizes::kMixed:
      break;
  }
  if (random.OnceIn(4)) return kInlineMax - 1 + random.Below(3);
  return random.OnceIn(4) ? kInlineMax + random.Below(kRingBytes) : random.Below(kSmallMax);
}

uint64_t WordOf(uint32_t id, uint64_t index) { return (uint64_t{id} << 32 | index) + 1; }

bool IsMessage(uint32_t id, const std::byte* data, uint64_t bytes) {
  bool same = true;
  for (uint64_t at = 0; at < bytes; at += sizeof(uint64_t)) {
    const uint64_t word = WordOf(id, at / sizeof(uint64_t));
    same &= std::memcmp(data + at, &word, std::min(bytes - at, sizeof(word))) == 0;
  }
  return same;
}

}  // namespace

Connection::Connection(uint64_t ring_bytes) {
  for (Endpoint& end : ends) (void)end.Create(ring_bytes, kMessageBytesMax);
  (void)ends[0].Attach(PeerSegment::Borrow(ends[1].own()));
  (void)ends[1].Attach(PeerSegment::Borrow(ends[0].own()));
}

void Doorbell::Wake() {
  if (Explorer* explorer = Explorer::Running(); explorer != nullptr) explorer->EnterSystem();
  woken_ = true;
  if (Explorer* explorer = Explorer::Running(); explorer != nullptr) explorer->Wake(this);
}

void Doorbell::Wait() {
  Explorer::Running()->EnterSystem();
  if (!woken_) Explorer::Running()->Sleep(this, kForeverNanos);
  woken_ = false;
}

Side::Side(Connection* connection, size_t end, uint64_t seed, const SideOptions& options,
           const SideOptions& peer)
    : endpoint_(&connection->ends[end]),
      own_doorbell_(&connection->doorbells[end]),
      peer_doorbell_(&connection->doorbells[1 - end]),
      options_(options),
      peer_(peer),
      own_seed_(2 * seed + end),
      peer_seed_(2 * seed + 1 - end),
      target_(kTargetBytes) {}

void Side::Prepare() {
  while (sent_ < options_.sends_first) Expect(Send(), "no room for the first messages");
}

void Side::PrepareOffer(Side* reader) {
  // Behind the first lap, so that the jump of MOVE is not too far for the head of the run.
  for (uint32_t id = 0; id < kOfferedLap; id++) {
    Expect(Send() && reader->Receive(1), "no room for the first lap");
  }
  while (sent_ < kOfferedFirst) Expect(Send(), "no room for the messages before OFFER");
  FindNoRoom();
  while (reader->received_ < kOfferedFirst) (void)reader->Receive(1);
  while (sent_ <= kOfferedLast) Expect(Send(), "no room for the messages behind OFFER");
}

void Side::FindNoRoom() {
  const std::vector<std::byte> dropped(kInlineMax);
  uint64_t offset = 0;
  bool wrote = false;
  bool needs_wake = false;
  (void)endpoint_->Write(kKind, 0, dropped.data(), dropped.size(), &offset, &wrote, &needs_wake);
}

void Side::Run() {
  for (;;) {
    const bool wrote = sending() && Send();
    const bool read = receiving() && Receive(kDescriptors);
    if (wrote || read) continue;
    if (!sending() && !receiving() && (!options_.sees_close || peer_closed_)) break;
    if (options_.sleeps == SleepMode::kEventLoop) {
      SleepInEventLoop();
    } else if (!SleepBlocked()) {
      break;
    }
  }
  Expect(options_.sees_close || (!sending() && !receiving()), "a stream ended too early");
  if (options_.closes) endpoint_->AnnounceClosed();
}

void Side::FillNext() {
  outgoing_bytes_ = BytesOf(own_seed_, sent_, options_.sizes);
  outgoing_.resize(outgoing_bytes_ / sizeof(uint64_t) + 1);
  for (size_t index = 0; index < outgoing_.size(); index++) outgoing_[index] = WordOf(sent_, index);
}

bool Side::Send() {
  if (offset_ == 0) FillNext();
  if (options_.claims) return SendClaimed();
  bool wrote = false;
  bool needs_wake = false;
  Status status =
      endpoint_->Write(kKind, sent_, reinterpret_cast<const std::byte*>(outgoing_.data()),
                       outgoing_bytes_, &offset_, &wrote, &needs_wake);
  Expect(status.ok(), status.context());
  WakeIf(needs_wake);
  if (wrote && offset_ == outgoing_bytes_) {
    offset_ = 0;
    sent_++;
  }
  return wrote;
}

bool Side::SendClaimed() {
  int64_t at = -1;
  bool needs_wake = false;
  Status status = endpoint_->Claim(outgoing_bytes_, &at, &needs_wake);
  Expect(status.ok(), status.context());
  WakeIf(needs_wake);
  if (at < 0) return false;
  if (outgoing_bytes_ != 0) {
    SharedAccess::Copy(endpoint_->own().data() + at,
                       reinterpret_cast<const std::byte*>(outgoing_.data()), outgoing_bytes_);
  }
  status = endpoint_->Commit(kKind, sent_, outgoing_bytes_, &needs_wake);
  Expect(status.ok(), status.context());
  WakeIf(needs_wake);
  sent_++;
  return true;
}

void Side::Take(uint32_t id, const std::byte* data, uint64_t bytes) {
  Expect(id == received_, "a message is out of order");
  Expect(bytes == BytesOf(peer_seed_, id, peer_.sizes), "a message has a wrong length");
  Expect(IsMessage(id, data, bytes), "a message differs");
  received_++;
}

bool Side::Receive(uint32_t count_max) {
  std::array<MessageDescriptor, kDescriptors> descriptors;
  Batch batch = {.target = options_.in_place ? nullptr : target_.data(),
                 .target_bytes = target_.size(),
                 .offset = 0,
                 .descriptors = descriptors.data(),
                 .descriptors_max = std::min(count_max, options_.receives - received_)};
  bool needs_wake = false;
  Status status = endpoint_->Receive(&batch, {}, &needs_wake);
  Expect(status.ok(), status.context());
  WakeIf(needs_wake);
  for (uint32_t index = 0; index < batch.count; index++) {
    const MessageDescriptor& one = descriptors[index];
    if (options_.in_place && one.length != 0) {
      // As a listener reads it: the writer continues meanwhile.
      SharedAccess::Copy(target_.data(), endpoint_->peer().data() + one.offset, one.length);
      Take(one.id, target_.data(), one.length);
    } else {
      Take(one.id, target_.data() + one.offset, one.length);
    }
  }
  if (options_.in_place) {
    status = endpoint_->Release(&needs_wake);
    Expect(status.ok(), status.context());
    WakeIf(needs_wake);
  }
  if (batch.fragmented) return Assemble(batch) || batch.count > 0;
  return batch.count > 0 || batch.required_bytes >= 0;
}

bool Side::Assemble(const Batch& batch) {
  whole_.resize(static_cast<size_t>(batch.required_bytes));
  AssembledMessage message;
  bool needs_wake = false;
  Status status = endpoint_->Assemble(whole_.data(), whole_.size(), {}, &message, &needs_wake);
  Expect(status.ok(), status.context());
  WakeIf(needs_wake);
  if (message.whole) Take(message.id, whole_.data(), whole_.size());
  return true;
}

void Side::WakeIf(bool needs_wake) {
  if (!needs_wake) return;
  Expect(peer_.sleeps == SleepMode::kEventLoop, "a doorbell for a blocked sleeper");
  peer_doorbell_->Wake();
}

void Side::SleepInEventLoop() {
  bool has_data = false;
  bool has_room = false;
  Status status;
  if (receiving()) status = endpoint_->ArmForData(&has_data);
  Expect(status.ok(), status.context());
  if (sending()) status = endpoint_->ArmForRoom(outgoing_bytes_ - offset_, &has_room);
  Expect(status.ok(), status.context());
  if (!has_data && !has_room) own_doorbell_->Wait();
  Expect(endpoint_->DisarmForData().ok() && endpoint_->DisarmForRoom().ok(), "disarm");
}

// False: the peer has closed, and no data is left.
bool Side::SleepBlocked() {
  WaitFor wait = {.for_data = receiving() || options_.sees_close, .timeout_nanos = kForeverNanos};
  if (sending()) wait.room_length = outgoing_bytes_ - offset_;
  WaitOutcome outcome = WaitOutcome::kTimeout;
  Status status = endpoint_->Wait(wait, &outcome);
  Expect(status.ok(), status.context());
  if (outcome == WaitOutcome::kClosed) {
    Expect(options_.sees_close, "the peer has closed");
    Expect(!receiving(), "the peer closed before its stream was received");
    peer_closed_ = true;
    return false;
  }
  Expect(outcome == WaitOutcome::kReady, "a wait without a timeout timed out");
  return true;
}

}  // namespace shmwire::explore
