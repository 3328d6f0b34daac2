// A reader of a topic whose writer writes anything: honest and wrong records, positions, marks and
// single bytes, between the reader's calls. Oracle: while the writer was honest, each message is
// received whole and in order, or counted as lost. In any case, nothing is written after the
// target, and the count of messages never contradicts the sequences.

#include <vector>

#include "core/broadcast_reader.h"
#include "core/broadcast_writer.h"
#include "fuzz/input.h"
#include "fuzz/platform/guarded_memory.h"
#include "fuzz/require.h"

namespace shmwire::fuzz {
namespace {

constexpr uint64_t kRingBytes = kRingBytesMin;
constexpr uint64_t kInlineMax = InlineBytesMax(kRingBytes);
constexpr uint32_t kDescriptorsMost = 32;
// Bounds the time of a run, however long the input is.
constexpr int kStepsMax = 96;

OwnSegment CreateSegment() {
  OwnSegment segment;
  FUZZ_REQUIRE(OwnSegment::Create(SegmentKind::kBroadcast, kRingBytes, &segment).ok());
  return segment;
}

// Created once for a process.
struct Memory {
  OwnSegment segment = CreateSegment();
  PeerSegment view = MapReadOnly(segment, SegmentKind::kBroadcast);
  GuardedMemory target = MapGuarded(kRingBytes);
  GuardedMemory descriptors = MapGuarded(kDescriptorsMost * sizeof(BroadcastDescriptor));
  std::vector<std::byte> outgoing = std::vector<std::byte>(kInlineMax);
};

class TopicFuzz {
 public:
  TopicFuzz(Memory* memory, Input* input)
      : memory_(memory),
        input_(input),
        control_(memory->segment.control_as<BroadcastControl>()),
        writer_(memory->segment),
        reader_(memory->view) {
    std::memset(static_cast<void*>(control_), 0, sizeof(BroadcastControl));
    std::memset(memory->segment.data(), 0, kRingBytes);
  }

  void Run() {
    for (int step = 0; step < kStepsMax && !input_->empty(); step++) {
      const uint8_t choice = input_->Byte();
      if ((choice & 8) == 0) {
        WriterStep(choice & 7);
      } else {
        ReaderStep(choice & 7);
      }
    }
  }

 private:
  void Write(uint64_t bytes) {
    const uint64_t key_bytes = input_->Below(4);
    const auto filler = static_cast<int>(writer_.sequence() + 1) & 0xFF;
    std::memset(memory_->outgoing.data(), filler, memory_->outgoing.size());
    if (bytes < key_bytes) bytes = key_bytes;
    writer_.Write({.prefix = memory_->outgoing.data(),
                   .key_bytes = key_bytes,
                   .body = memory_->outgoing.data(),
                   .body_bytes = bytes - key_bytes});
  }

  uint64_t ForgedPosition() {
    const uint8_t how = input_->Byte();
    if (how < 128) return writer_.tail() + kRecordAlignment * (how - uint64_t{64});
    if (how < 160) return writer_.tail() + how - 144;
    if (how < 192) return writer_.tail() + kRingBytes + kRecordAlignment * (how - uint64_t{176});
    return input_->Take<uint64_t>();
  }

  void ForgeHeader() {
    BroadcastRecordHeader header = {.length = static_cast<uint32_t>(input_->Below(64)),
                                    .key_bytes = 0,
                                    .headers_bytes = 0,
                                    .sequence = writer_.sequence() + 1};
    const uint8_t changed = input_->Byte();
    if ((changed & 1) != 0) header.length = input_->Take<uint32_t>();
    if ((changed & 2) != 0) header.key_bytes = input_->Take<uint16_t>();
    if ((changed & 4) != 0) header.headers_bytes = input_->Take<uint16_t>();
    if ((changed & 8) != 0) header.sequence = input_->Take<uint64_t>();
    if ((changed & 16) != 0) header.sequence += input_->Byte() - uint64_t{128};
    if ((changed & 32) != 0) header.length |= kPadBit;
    const uint64_t at = writer_.tail() - kRecordAlignment * input_->Byte();
    StoreBroadcastHeader(memory_->segment.data() + (at & (kRingBytes - 1)) / 16 * 16, header);
  }

  void WriterStep(uint8_t step) {
    honest_ = honest_ && step < 4;
    switch (step) {
      case 0:
      case 1:
        Write(input_->Below(200));
        break;
      case 2:
        Write(input_->Below(kInlineMax + 1));
        break;
      case 3:
        for (uint64_t count = input_->Below(64); count > 0; count--) Write(1000);
        break;
      case 4:
        ForgeHeader();
        break;
      case 5:
        control_->tail.StoreRelaxed(ForgedPosition());
        break;
      case 6:
        if (input_->Below(2) == 0) {
          control_->intent.StoreRelaxed(ForgedPosition());
        } else {
          control_->latest.StoreRelaxed(ForgedPosition());
        }
        break;
      default:
        control_->marks[input_->Below(kBroadcastMarks)].StoreRelaxed(ForgedPosition());
        break;
    }
  }

  void ReaderStep(uint8_t step) {
    if (step < 3) {
      Receive();
    } else if (step < 5) {
      const Status status = reader_.Poll();
      FUZZ_REQUIRE(status.ok() || (!honest_ && status.code() == StatusCode::kCorrupt));
    } else {
      Seek();
    }
  }

  void Seek() {
    const auto start = static_cast<SeekStart>(input_->Below(4));
    const uint64_t sequence = input_->Below(1000);
    const Status status = reader_.Seek(start, sequence);
    if (honest_) {
      const bool is_possible =
          start != SeekStart::kSequence || (sequence != 0 && sequence <= writer_.sequence() + 1);
      FUZZ_REQUIRE(status.ok() == is_possible);
    }
    if (status.ok() && start == SeekStart::kSequence) {
      FUZZ_REQUIRE(reader_.next_sequence() == sequence);
    }
  }

  void Receive() {
    const uint64_t target_bytes = input_->Below(kRingBytes);
    const auto descriptors = static_cast<uint32_t>(input_->Below(kDescriptorsMost + 1));
    const uint64_t descriptors_bytes = descriptors * sizeof(BroadcastDescriptor);
    std::byte* target = memory_->target.Last(target_bytes);
    auto* described =
        reinterpret_cast<BroadcastDescriptor*>(memory_->descriptors.Last(descriptors_bytes));
    const Status polled = reader_.Poll();
    const uint64_t expected = reader_.next_sequence();
    BroadcastBatch batch = {.target = target,
                            .target_bytes = target_bytes,
                            .descriptors = described,
                            .descriptors_max = descriptors};
    const Status status = polled.ok() ? reader_.Receive(&batch) : polled;
    FUZZ_REQUIRE(status.ok() || (!honest_ && status.code() == StatusCode::kCorrupt));
    FUZZ_REQUIRE(batch.count <= descriptors);
    FUZZ_REQUIRE(!honest_ || !batch.behind);
    FUZZ_REQUIRE(batch.required_bytes <= static_cast<int64_t>(kInlineMax));
    if (batch.count == 0) {
      FUZZ_REQUIRE(reader_.next_sequence() == expected);
      return;
    }
    FUZZ_REQUIRE(batch.first_sequence == expected + batch.lost);
    FUZZ_REQUIRE(reader_.next_sequence() == batch.first_sequence + batch.count);
    for (uint32_t index = 0; index < batch.count; index++) {
      CheckMessage(described[index], batch.first_sequence + index, target, target_bytes);
    }
  }

  void CheckMessage(const BroadcastDescriptor& one, uint64_t sequence, const std::byte* target,
                    uint64_t target_bytes) const {
    const uint64_t bytes = uint64_t{one.key_bytes} + one.headers_bytes + one.body_bytes;
    FUZZ_REQUIRE(bytes == 0 || one.offset % 8 == 0);
    FUZZ_REQUIRE(bytes <= kInlineMax);
    FUZZ_REQUIRE(one.offset <= target_bytes && bytes <= target_bytes - one.offset);
    if (!honest_) return;
    FUZZ_REQUIRE(sequence <= writer_.sequence());
    const auto filler = static_cast<std::byte>(sequence);
    FUZZ_REQUIRE(std::all_of(target + one.offset, target + one.offset + bytes,
                             [filler](std::byte byte) { return byte == filler; }));
  }

  Memory* memory_;
  Input* input_;
  BroadcastControl* control_;
  BroadcastWriter writer_;
  BroadcastReader reader_;
  bool honest_ = true;
};

}  // namespace
}  // namespace shmwire::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  static shmwire::fuzz::Memory memory;
  shmwire::fuzz::Input input(bytes, count);
  shmwire::fuzz::TopicFuzz(&memory, &input).Run();
  return 0;
}
