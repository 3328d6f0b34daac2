// A writer whose reader publishes any head, a new one before each call. Oracles: bytes that the
// peer has not released stay unchanged; new bytes are the records of docs/memory-layout.md with the
// message's payload; the writer uses all released room.

#include <vector>

#include "core/ring_writer.h"
#include "fuzz/forged_peer.h"
#include "fuzz/platform/guarded_memory.h"
#include "fuzz/require.h"

namespace shmwire::fuzz {
namespace {

constexpr int kStepsMax = 96;
constexpr uint64_t kMessageBytesMost = 1 << 18;

OwnSegment MakeSegment() {
  OwnSegment segment;
  FUZZ_REQUIRE(OwnSegment::Create(kRingBytes, &segment).ok());
  return segment;
}

struct WriterMemory {
  WriterMemory() : own(MakeSegment()), peer(MakeSegment()), peer_view(MapReadOnly(peer)) {
    for (uint64_t index = 0; index < payload.bytes; index++) {
      payload.writable[index] = static_cast<std::byte>(index * 2654435761 >> 16);
    }
    shadow.resize(kRingBytes);
    std::memcpy(shadow.data(), own.data(), kRingBytes);
  }

  OwnSegment own;
  OwnSegment peer;
  PeerSegment peer_view;
  // One byte more than the longest message, for callers that make a mistake.
  GuardedMemory payload = MapGuarded(kMessageBytesMost + 1);
  // The expected content of the ring, kept between runs.
  std::vector<std::byte> shadow;
};

class CheckedWriter {
 public:
  explicit CheckedWriter(WriterMemory* memory) : memory_(memory), writer_(Fresh(memory)) {}

  void Step(Input* input);
  void CheckOwnMemory() const;

 private:
  struct Message {
    bool open = false;
    uint16_t kind = 1;
    uint32_t id = 0;
    uint64_t length = 0;
    uint64_t offset = 0;
  };

  static RingWriter Fresh(WriterMemory* memory) {
    std::memset(static_cast<void*>(memory->own.control()), 0, sizeof(ControlBlock));
    std::memset(static_cast<void*>(memory->peer.control()), 0, sizeof(ControlBlock));
    return {memory->own, memory->peer_view};
  }

  void ForgeHead(Input* input);
  void WriteNext(Input* input);
  void Claim(Input* input);
  void Commit(Input* input);
  void HasRoom(Input* input);
  void DepthBytes();
  void Publish();
  // Before each call: the head that the peer publishes is the one that the writer may use.
  void ReadHead();
  void CheckStatus(Status status) const;
  void CheckRefused(Status status, uint64_t length) const;
  void CheckRecord(const Message& message, uint64_t count, const std::byte* payload);
  void CheckKept() const;
  // Contiguous bytes.
  void Remember(uint64_t position, uint64_t bytes) {
    std::memcpy(memory_->shadow.data() + (position & kRingMask), At(position), bytes);
  }
  [[nodiscard]] std::byte* At(uint64_t position) const {
    return memory_->own.data() + (position & kRingMask);
  }
  [[nodiscard]] uint64_t PadBefore(uint64_t span) const {
    const uint64_t left = kRingBytes - (tail_ & kRingMask);
    return span <= left ? 0 : left;
  }

  WriterMemory* memory_;
  RingWriter writer_;
  uint64_t tail_ = 0;
  uint64_t published_ = 0;
  uint32_t sequence_ = 0;
  // The largest valid head that the peer has published, and the present one.
  uint64_t released_ = 0;
  uint64_t head_ = 0;
  Message message_;
  std::byte* claim_ = nullptr;
  uint64_t claim_length_ = 0;
  uint64_t messages_ = 0;
  uint64_t bytes_ = 0;
};

void CheckedWriter::ReadHead() {
  head_ = memory_->peer.control()->head.LoadRelaxed();
  if (head_ % 16 == 0 && head_ >= released_ && head_ <= published_) released_ = head_;
}

void CheckedWriter::CheckStatus(Status status) const {
  FUZZ_REQUIRE(status.ok() || status.code() == StatusCode::kCorrupt);
  // A valid head never fails.
  FUZZ_REQUIRE(status.ok() || head_ != released_);
}

void CheckedWriter::CheckKept() const {
  for (uint64_t at = released_; at < tail_;) {
    const uint64_t offset = at & kRingMask;
    const uint64_t count = std::min(tail_ - at, kRingBytes - offset);
    FUZZ_REQUIRE(
        std::memcmp(memory_->own.data() + offset, memory_->shadow.data() + offset, count) == 0);
    at += count;
  }
}

// There is no room, according to the peer's head.
void CheckedWriter::CheckRefused(Status status, uint64_t length) const {
  const uint64_t span = RecordSpan(length);
  if (!status.ok() || head_ != released_) return;
  FUZZ_REQUIRE(PadBefore(span) + span > kRingBytes - (tail_ - released_));
}

// One record was written, with `count` bytes of the message from `payload` on.
void CheckedWriter::CheckRecord(const Message& message, uint64_t count, const std::byte* payload) {
  const bool first = message.offset == 0;
  const bool last = message.offset + count == message.length;
  const bool in_one = first && last && message.length <= kInlineMax;
  const uint64_t prefix = first && !in_one ? 8 : 0;
  const uint64_t span = RecordSpan(prefix + count);
  const uint64_t pad = PadBefore(span);
  FUZZ_REQUIRE(tail_ + pad + span - released_ <= kRingBytes);
  CheckKept();
  if (pad != 0) {
    const RecordHeader header = LoadRecordHeader(At(tail_));
    FUZZ_REQUIRE(header.length == (kPadBit | (pad - 16)) && header.kind == 0 && header.flags == 0);
    Remember(tail_, pad);
    tail_ += pad;
  }
  const RecordHeader header = LoadRecordHeader(At(tail_));
  FUZZ_REQUIRE(header.length == prefix + count && header.length <= kInlineMax);
  FUZZ_REQUIRE(header.kind == message.kind && header.id == message.id);
  FUZZ_REQUIRE(header.sequence == sequence_ && header.flags == (first ? 1 : 0) + (last ? 2 : 0));
  const std::byte* written = At(tail_) + 16;
  FUZZ_REQUIRE(prefix == 0 || std::memcmp(written, &message.length, 8) == 0);
  FUZZ_REQUIRE(count == 0 || std::memcmp(written + prefix, payload, count) == 0);
  sequence_++;
  Remember(tail_, span);
  tail_ += span;
  messages_ += last ? 1 : 0;
  bytes_ += count;
}

void CheckedWriter::WriteNext(Input* input) {
  Message message = message_;
  if (!message_.open) {
    const uint8_t how = input->Byte();
    const uint64_t bound = how < 128 ? 256 : how < 224 ? 2 * kInlineMax : kMessageBytesMost + 1;
    message = {.open = false, .kind = how, .id = how, .length = input->Below(bound), .offset = 0};
  }
  // Sometimes the caller makes a mistake.
  const uint8_t wrong = input->Byte();
  if (wrong == 1) message.offset++;
  if (wrong == 2) message.length++;
  if (wrong == 3) message.kind++;
  if (wrong == 4) message.id++;
  const bool acceptable =
      claim_ == nullptr && (message_.open ? wrong < 1 || wrong > 4 : wrong != 1);
  const std::byte* payload = memory_->payload.Last(message.length);
  uint64_t offset = message.offset;
  bool wrote = true;
  ReadHead();
  const Status status =
      writer_.WriteNext(message.kind, message.id, payload, message.length, &offset, &wrote);
  FUZZ_REQUIRE((status.code() == StatusCode::kInvalidArgument) == !acceptable);
  if (!acceptable) {
    FUZZ_REQUIRE(!wrote && offset == message.offset);
    return;
  }
  CheckStatus(status);
  FUZZ_REQUIRE(status.ok() || !wrote);
  const uint64_t prefix = message.offset == 0 && message.length > kInlineMax ? 8 : 0;
  const uint64_t next = std::min(message.length - message.offset, kInlineMax - prefix);
  if (!wrote) {
    FUZZ_REQUIRE(offset == message.offset);
    CheckRefused(status, prefix + next);
    return;
  }
  FUZZ_REQUIRE(offset == message.offset + next);
  CheckRecord(message, next, payload + message.offset);
  message_ = message;
  message_.offset = offset;
  message_.open = offset != message.length;
}

void CheckedWriter::Claim(Input* input) {
  const uint64_t length = input->Below(input->Byte() < 128 ? 256 : kInlineMax + 64);
  std::byte* bytes = At(0);
  ReadHead();
  const Status status = writer_.Claim(length, &bytes);
  claim_ = nullptr;
  if (message_.open || length > kInlineMax) {
    FUZZ_REQUIRE(bytes == nullptr);
    FUZZ_REQUIRE(status.code() ==
                 (message_.open ? StatusCode::kInvalidArgument : StatusCode::kMessageTooLarge));
    return;
  }
  CheckStatus(status);
  if (bytes == nullptr) return CheckRefused(status, length);
  const uint64_t span = RecordSpan(length);
  FUZZ_REQUIRE(status.ok() && bytes == At(tail_ + PadBefore(span)) + 16);
  FUZZ_REQUIRE(tail_ + PadBefore(span) + span - released_ <= kRingBytes);
  claim_ = bytes;
  claim_length_ = length;
  std::memcpy(claim_, memory_->payload.writable, length);
}

void CheckedWriter::Commit(Input* input) {
  const uint64_t length = input->Below(claim_length_ + 2);
  const std::byte* claimed = claim_;
  ReadHead();
  const bool committed = writer_.Commit(3, 4, length);
  FUZZ_REQUIRE(committed == (claim_ != nullptr && length <= claim_length_));
  if (!committed) return;
  claim_ = nullptr;
  // The position of the claim, even if a shorter record would have needed no padding.
  const uint64_t position = (static_cast<uint64_t>(claimed - memory_->own.data()) - 16) & kRingMask;
  if (position != (tail_ & kRingMask)) {
    const uint64_t pad = kRingBytes - (tail_ & kRingMask);
    const RecordHeader header = LoadRecordHeader(At(tail_));
    FUZZ_REQUIRE(position == 0 && header.length == (kPadBit | (pad - 16)) && header.kind == 0);
    CheckKept();
    Remember(tail_, pad);
    tail_ += pad;
  }
  CheckRecord({.open = false, .kind = 3, .id = 4, .length = length, .offset = 0}, length,
              memory_->payload.writable);
}

void CheckedWriter::HasRoom(Input* input) {
  const uint64_t length = input->Below(2 * kInlineMax);
  const uint64_t span = RecordSpan(std::min(length, kInlineMax));
  bool has_room = true;
  ReadHead();
  const Status status = writer_.HasRoom(length, &has_room);
  CheckStatus(status);
  if (!has_room) return CheckRefused(status, std::min(length, kInlineMax));
  FUZZ_REQUIRE(status.ok() && tail_ + PadBefore(span) + span - released_ <= kRingBytes);
}

void CheckedWriter::DepthBytes() {
  uint64_t bytes = ~uint64_t{0};
  ReadHead();
  const Status status = writer_.DepthBytes(&bytes);
  CheckStatus(status);
  FUZZ_REQUIRE(bytes <= kRingBytes && tail_ - bytes <= released_);
  FUZZ_REQUIRE(!status.ok() || tail_ - bytes == head_);
}

void CheckedWriter::Publish() {
  writer_.Publish();
  published_ = tail_;
  FUZZ_REQUIRE(memory_->own.control()->tail.LoadRelaxed() == tail_);
}

void CheckedWriter::ForgeHead(Input* input) {
  const uint8_t how = input->Byte();
  uint64_t head = published_;
  if (how < 160) {
    head = released_ + (published_ - released_) / 16 * how / 159 * 16;
  } else if (how < 192) {
    head += how - 176;
  } else if (how < 224) {
    head = released_ + 16 * (how - 208);
  } else if (how < 240) {
    head = input->Take<uint64_t>();
  }
  memory_->peer.control()->head.StoreRelaxed(head);
}

void CheckedWriter::CheckOwnMemory() const {
  static const ControlBlock kUntouched{};
  const ControlBlock* control = memory_->own.control();
  FUZZ_REQUIRE(control->tail.LoadRelaxed() == published_);
  FUZZ_REQUIRE(control->counters.messages_written.LoadRelaxed() == messages_);
  FUZZ_REQUIRE(control->counters.bytes_written.LoadRelaxed() == bytes_);
  FUZZ_REQUIRE(std::memcmp(reinterpret_cast<const std::byte*>(control) + sizeof(uint64_t),
                           reinterpret_cast<const std::byte*>(&kUntouched) + sizeof(uint64_t),
                           offsetof(ControlBlock, counters) - sizeof(uint64_t)) == 0);
  FUZZ_REQUIRE(control->wake_sent_at.LoadRelaxed() == 0 && control->woken_at.LoadRelaxed() == 0);
  CheckKept();
}

void CheckedWriter::Step(Input* input) {
  switch (input->Byte() & 15) {
    case 0:
    case 1:
    case 2:
    case 3:
      WriteNext(input);
      break;
    case 4:
    case 5:
      Claim(input);
      break;
    case 6:
    case 7:
      Commit(input);
      break;
    case 8:
      writer_.Abort();
      claim_ = nullptr;
      break;
    case 9:
      HasRoom(input);
      break;
    case 10:
      DepthBytes();
      break;
    case 11:
    case 12:
      Publish();
      break;
    default:
      ForgeHead(input);
      break;
  }
}

void Run(Input input) {
  static WriterMemory memory;
  CheckedWriter writer(&memory);
  for (int step = 0; step < kStepsMax && !input.empty(); step++) writer.Step(&input);
  writer.CheckOwnMemory();
}

}  // namespace
}  // namespace shmwire::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  shmwire::fuzz::Run(shmwire::fuzz::Input(bytes, count));
  return 0;
}
