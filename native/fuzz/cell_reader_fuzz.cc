// A reader of a cell whose writer writes anything, between the reader's calls. Oracle: while the
// writer was honest, the newest value is returned whole. In any case, nothing is written after the
// target, and versions never decrease.

#include <vector>

#include "core/cell_reader.h"
#include "core/cell_writer.h"
#include "fuzz/input.h"
#include "fuzz/platform/guarded_memory.h"
#include "fuzz/require.h"

namespace shmwire::fuzz {
namespace {

constexpr uint64_t kDataBytes = kCellBytesMin;
constexpr uint64_t kValueMax = CellSlotBytes(kDataBytes) - kCellLengthBytes;
// Bounds the time of a run, however long the input is.
constexpr int kStepsMax = 64;

OwnSegment CreateSegment() {
  OwnSegment segment;
  FUZZ_REQUIRE(OwnSegment::Create(SegmentKind::kCell, kDataBytes, &segment).ok());
  return segment;
}

// Created once for a process.
struct Memory {
  OwnSegment segment = CreateSegment();
  PeerSegment view = MapReadOnly(segment, SegmentKind::kCell);
  GuardedMemory target = MapGuarded(2 * kValueMax);
  std::vector<std::byte> outgoing = std::vector<std::byte>(kValueMax);
};

class CellFuzz {
 public:
  CellFuzz(Memory* memory, Input* input)
      : memory_(memory),
        input_(input),
        control_(memory->segment.control_as<CellControl>()),
        writer_(memory->segment),
        reader_(memory->view) {
    std::memset(static_cast<void*>(control_), 0, sizeof(CellControl));
    std::memset(memory->segment.data(), 0, kDataBytes);
  }

  void Run() {
    for (int step = 0; step < kStepsMax && !input_->empty(); step++) {
      const uint8_t choice = input_->Byte();
      switch (choice & 7) {
        case 0:
        case 1:
          Set();
          break;
        case 2:
          Forge();
          break;
        case 3:
          LoadVersion();
          break;
        default:
          Get();
          break;
      }
    }
  }

 private:
  void Set() {
    length_ = input_->Below(kValueMax + 1);
    std::memset(memory_->outgoing.data(), static_cast<int>(writer_.version() + 1) & 0xFF, length_);
    writer_.Set(memory_->outgoing.data(), length_);
  }

  void Forge() {
    honest_ = false;
    const auto value = input_->Take<uint64_t>();
    const uint64_t offset = input_->Below(kDataBytes / sizeof(value)) * sizeof(value);
    if (input_->Below(2) == 0) {
      control_->sequence.StoreRelaxed(value >> input_->Below(64));
    } else {
      std::memcpy(memory_->segment.data() + offset, &value, sizeof(value));
    }
  }

  void LoadVersion() {
    uint64_t version = 0;
    const Status status = reader_.LoadVersion(&version);
    FUZZ_REQUIRE(status.ok() || (!honest_ && status.code() == StatusCode::kCorrupt));
    FUZZ_REQUIRE(!honest_ || version == writer_.version());
    if (status.ok()) CheckVersion(version);
  }

  void CheckVersion(uint64_t version) {
    FUZZ_REQUIRE(version >= last_version_ && version <= kCellVersionMax);
    last_version_ = version;
  }

  void Get() {
    const uint64_t target_bytes = input_->Below(memory_->target.bytes);
    std::byte* target = memory_->target.Last(target_bytes);
    CellValue value;
    const Status status = reader_.Get(target, target_bytes, &value);
    FUZZ_REQUIRE(status.ok() || (!honest_ && status.code() == StatusCode::kCorrupt));
    if (!status.ok()) return;
    FUZZ_REQUIRE(!value.behind);
    FUZZ_REQUIRE(value.length <= kValueMax);
    CheckVersion(value.version);
    if (!honest_) return;
    FUZZ_REQUIRE(value.version == writer_.version() && value.length == length_);
    if (value.length > target_bytes) return;
    const auto filler = static_cast<std::byte>(value.version);
    FUZZ_REQUIRE(std::all_of(target, target + value.length,
                             [filler](std::byte byte) { return byte == filler; }));
  }

  Memory* memory_;
  Input* input_;
  CellControl* control_;
  CellWriter writer_;
  CellReader reader_;
  bool honest_ = true;
  uint64_t length_ = 0;
  uint64_t last_version_ = 0;
};

}  // namespace
}  // namespace shmwire::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  static shmwire::fuzz::Memory memory;
  shmwire::fuzz::Input input(bytes, count);
  shmwire::fuzz::CellFuzz(&memory, &input).Run();
  return 0;
}
