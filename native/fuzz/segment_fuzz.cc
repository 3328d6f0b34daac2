// The header of a peer's segment, a ring or a topic: any bytes, for memory of any size. Only the
// header's page is accessible. Oracle: the table in docs/memory-layout.md.

#include <sys/mman.h>

#include "fuzz/input.h"
#include "fuzz/platform/guarded_memory.h"
#include "fuzz/require.h"

namespace shmwire::fuzz {
namespace {

constexpr uint64_t kMost = SegmentBytes(kRingBytesMax);

// One writable page, before pages without access.
std::byte* Reserve() {
  void* reserved = mmap(nullptr, kMost + kLayoutPageBytes, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  FUZZ_REQUIRE(reserved != MAP_FAILED);
  FUZZ_REQUIRE(mprotect(reserved, kLayoutPageBytes, PROT_READ | PROT_WRITE) == 0);
  return static_cast<std::byte*>(reserved);
}

SegmentHeader Honest(SegmentKind kind, uint32_t capacity_log2) {
  return {.magic = kSegmentMagic,
          .layout_major = kLayoutMajor,
          .layout_minor = kLayoutMinor,
          .endian_tag = kEndianTag,
          .header_bytes = sizeof(SegmentHeader),
          .page_bytes = kLayoutPageBytes,
          .segment_bytes = SegmentBytes(uint64_t{1} << capacity_log2),
          .kind = static_cast<uint32_t>(kind),
          .capacity_log2 = capacity_log2,
          .control_offset = kControlOffset,
          .data_offset = kDataOffset,
          .id = {1, 2},
          .owner_pid = 1,
          .owner_uid = 1,
          .owner_start_time = 1,
          .features_required = 0,
          .features_optional = 0};
}

void Patch(std::byte* header, Input* input) {
  const uint64_t at = input->Below(sizeof(SegmentHeader) + 8);
  const auto value = input->Take<uint64_t>();
  std::memcpy(header + at, &value, size_t{1} << (input->Byte() & 3));
}

// The result according to docs/memory-layout.md, with its numbers.
StatusCode Expected(const SegmentHeader& header, uint32_t kind, uint64_t bytes) {
  // 8192 bytes and a power of two from 64 KiB to 1 GiB, checked before any read.
  const uint64_t ring_bytes = bytes - 8192;
  if (bytes < 8192 + 65'536 || bytes > 8192 + (uint64_t{1} << 30) ||
      (ring_bytes & (ring_bytes - 1)) != 0) {
    return StatusCode::kCorrupt;
  }
  if (std::memcmp(&header.magic, "SHMWIRE1", 8) != 0 || header.endian_tag != 0x01020304 ||
      header.layout_major != 1 || header.features_required > 1) {
    return StatusCode::kVersion;
  }
  const bool right = header.header_bytes >= 104 && header.header_bytes <= 4096 &&
                     header.page_bytes == 4096 && header.control_offset == 4096 &&
                     header.data_offset == 8192 && header.kind == kind &&
                     header.capacity_log2 >= 16 && header.capacity_log2 <= 30 &&
                     header.segment_bytes == 8192 + (uint64_t{1} << header.capacity_log2) &&
                     header.segment_bytes == bytes &&
                     // Only a ring that is larger than 64 KiB can be elastic.
                     (header.features_required == 0 || (kind == 1 && header.capacity_log2 > 16));
  return right ? StatusCode::kOk : StatusCode::kCorrupt;
}

void Run(Input input) {
  static std::byte* const memory = Reserve();
  const uint8_t how = input.Byte();
  const uint32_t capacity_log2 = (how & 1) != 0 ? 14 + input.Byte() % 20 : 16;
  const SegmentKind kind = (how & 16) != 0 ? SegmentKind::kBroadcast : SegmentKind::kRing;
  SegmentHeader header = Honest(kind, capacity_log2);
  std::memset(memory, 0, 2 * sizeof(header));
  std::memcpy(memory, &header, sizeof(header));
  uint64_t bytes = (how & 2) != 0 ? input.Take<uint64_t>() : header.segment_bytes;
  if ((how & 4) != 0) bytes += input.Take<uint8_t>() - uint64_t{128};
  if ((how & 8) != 0) {
    const auto raw = input.Take<std::array<std::byte, sizeof(SegmentHeader)>>();
    std::memcpy(memory, raw.data(), raw.size());
  }
  for (int patch = 0; patch < 8 && !input.empty(); patch++) Patch(memory, &input);
  std::memcpy(&header, memory, sizeof(header));

  OfferMemory(memory, bytes);
  PeerSegment peer;
  const Status status = PeerSegment::Map(kind, platform::Handle(), &peer);
  FUZZ_REQUIRE(status.code() == Expected(header, static_cast<uint32_t>(kind), bytes));
  FUZZ_REQUIRE(peer.valid() == status.ok());
  if (!status.ok()) return;
  FUZZ_REQUIRE(peer.data() + peer.ring_bytes() == memory + bytes);
  FUZZ_REQUIRE(IsRingBytes(peer.ring_bytes()));
  FUZZ_REQUIRE(peer.elastic() == (header.features_required == 1));
  // The check of the pages of a ring that is not elastic has made them accessible.
  FUZZ_REQUIRE(mprotect(memory + kLayoutPageBytes, bytes - kLayoutPageBytes, PROT_NONE) == 0);
}

}  // namespace
}  // namespace shmwire::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  shmwire::fuzz::Run(shmwire::fuzz::Input(bytes, count));
  return 0;
}
