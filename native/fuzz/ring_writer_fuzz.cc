// A writer whose reader publishes any head, a new one before each call, and accepts growth when it
// likes. Oracles: bytes that the peer has not released stay unchanged; new bytes are the records of
// docs/memory-layout.md with the message's payload; the writer uses all released room; an elastic
// ring grows exactly when decision 82 says so, and its other pages are not used before.

#include "fuzz/checked_writer.h"
#include "fuzz/input.h"
#include "fuzz/require.h"

namespace shmwire::fuzz {

void CheckedWriter::WriteNext(Input* input) {
  Message message = message_;
  if (!message_.open) {
    const uint8_t how = input->Byte();
    const uint64_t bound = how < 128 ? 256 : how < 224 ? 2 * kInlineMax : kWrittenBytesMost + 1;
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
  // Before a growth: a record does not become longer by it.
  const uint64_t prefix = message.offset == 0 && message.length > inline_max() ? 8 : 0;
  const uint64_t next = std::min(message.length - message.offset, inline_max() - prefix);
  const Room room = FindRoomOrGrow(RecordSpan(prefix + next));
  CheckStatus(status, room);
  FUZZ_REQUIRE(wrote == (room == Room::kFound));
  FUZZ_REQUIRE(offset == message.offset + (wrote ? next : 0));
  if (!wrote) return;
  CheckRecord(message, next, prefix, payload + message.offset);
  message_ = message;
  message_.offset = offset;
  message_.open = offset != message.length;
}

void CheckedWriter::Claim(Input* input) {
  const uint64_t length = input->Below(input->Byte() < 128 ? 256 : inline_max() + 64);
  std::byte* bytes = At(0);
  ReadHead();
  const Status status = writer_.Claim(length, &bytes);
  claim_ = nullptr;
  if (message_.open || length > inline_max()) {
    FUZZ_REQUIRE(bytes == nullptr);
    FUZZ_REQUIRE(status.code() ==
                 (message_.open ? StatusCode::kInvalidArgument : StatusCode::kMessageTooLarge));
    return;
  }
  const uint64_t span = RecordSpan(length);
  const Room room = FindRoomOrGrow(span);
  CheckStatus(status, room);
  FUZZ_REQUIRE((bytes != nullptr) == (room == Room::kFound));
  if (bytes == nullptr) return;
  claim_pad_ = PadBefore(span);
  FUZZ_REQUIRE(bytes == At(tail_ + claim_pad_) + 16);
  FUZZ_REQUIRE(tail_ + claim_pad_ + span - released_ <= ring_bytes());
  claim_ = bytes;
  claim_length_ = length;
  std::memcpy(claim_, memory_->payload.writable, length);
}

void CheckedWriter::Commit(Input* input) {
  const uint64_t length = input->Below(claim_length_ + 2);
  ReadHead();
  const bool committed = writer_.Commit(3, 4, length);
  FUZZ_REQUIRE(committed == (claim_ != nullptr && length <= claim_length_));
  if (!committed) return;
  claim_ = nullptr;
  // The position of the claim, even if a shorter record would have needed no padding.
  if (claim_pad_ != 0) {
    const RecordHeader header = LoadRecordHeader(At(tail_));
    FUZZ_REQUIRE(header.length == (kPadBit | (claim_pad_ - 16)) && header.kind == 0);
    CheckKept();
    Remember(tail_, claim_pad_);
    tail_ += claim_pad_;
  }
  CheckRecord({.open = false, .kind = 3, .id = 4, .length = length, .offset = 0}, length, 0,
              memory_->payload.writable);
}

void CheckedWriter::HasRoom(Input* input) {
  const uint64_t length = input->Below(2 * inline_max());
  bool has_room = true;
  ReadHead();
  const Status status = writer_.HasRoom(length, &has_room);
  const Room room = FindRoom(RecordSpan(std::min(length, inline_max())));
  CheckStatus(status, room);
  FUZZ_REQUIRE(has_room == (room == Room::kFound || (room == Room::kNone && MayMove())));
}

void CheckedWriter::DepthBytes() {
  uint64_t bytes = ~uint64_t{0};
  ReadHead();
  const Status status = writer_.DepthBytes(&bytes);
  CheckStatus(status, LoadHead() ? Room::kFound : Room::kViolation);
  uint64_t expected = tail_ - known_;
  // The positions that MOVE skips hold nothing.
  if (known_ < moved_to_) expected -= moved_to_ - std::max(known_, moved_from_);
  FUZZ_REQUIRE(bytes == expected && bytes <= whole_bytes_);
}

void CheckedWriter::Publish() {
  writer_.Publish();
  published_ = tail_;
  FUZZ_REQUIRE(memory_->own.control()->tail.LoadRelaxed() == tail_);
  FUZZ_REQUIRE(!writer_.has_unpublished());
}

void CheckedWriter::ForgeHead(Input* input) {
  const uint8_t how = input->Byte();
  uint64_t head = published_;
  if (how < 160) {
    head = released_ + (published_ - released_) / 16 * how / 159 * 16;
  } else if (how < 192) {
    head += how - 176;
  } else if (how < 224) {
    head = released_ + kRecordAlignment * (how - 208);
  } else if (how < 240) {
    head = input->Take<uint64_t>();
  } else if (how < 248) {
    head = moved_to_ - 16 * uint64_t{input->Byte()};
  }
  memory_->peer.control()->head.StoreRelaxed(head);
}

void CheckedWriter::ForgeGrowth(Input* input) {
  const uint8_t how = input->Byte();
  if (how < 128) {
    memory_->peer.control()->accepted.StoreRelaxed(1);
  } else if (how < 160) {
    memory_->peer.control()->accepted.StoreRelaxed(input->Byte());
  } else {
    LetPagesBeAdded((how & 1) != 0);
  }
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
    case 13:
      ForgeGrowth(input);
      break;
    default:
      ForgeHead(input);
      break;
  }
}

namespace {

constexpr int kStepsMax = 96;

void Run(Input input) {
  static WriterMemory memories[] = {WriterMemory(kRingSizes[0]), WriterMemory(kRingSizes[1]),
                                    WriterMemory(kRingSizes[2])};
  CheckedWriter writer(&memories[input.Byte() % std::size(kRingSizes)]);
  for (int step = 0; step < kStepsMax && !input.empty(); step++) writer.Step(&input);
  writer.CheckOwnMemory();
}

}  // namespace
}  // namespace shmwire::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  shmwire::fuzz::Run(shmwire::fuzz::Input(bytes, count));
  return 0;
}
