#include "core/segment.h"

#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "platform/process.h"

namespace shmwire {
namespace {

constexpr size_t kHeaderWords = sizeof(SegmentHeader) / sizeof(uint64_t);
static_assert(sizeof(SegmentHeader) % sizeof(uint64_t) == 0);
using HeaderWords = std::array<uint64_t, kHeaderWords>;

SegmentHeader MakeHeader(uint64_t ring_bytes, const platform::MemoryId& id) {
  return {
      .magic = kSegmentMagic,
      .layout_major = kLayoutMajor,
      .layout_minor = kLayoutMinor,
      .endian_tag = kEndianTag,
      .header_bytes = sizeof(SegmentHeader),
      .page_bytes = kLayoutPageBytes,
      .segment_bytes = SegmentBytes(ring_bytes),
      .kind = static_cast<uint32_t>(SegmentKind::kRing),
      .capacity_log2 = static_cast<uint32_t>(std::countr_zero(ring_bytes)),
      .control_offset = kControlOffset,
      .data_offset = kDataOffset,
      .id = {id[0], id[1]},
      .owner_pid = platform::CurrentProcessId(),
      .owner_uid = platform::CurrentUserId(),
      .owner_start_time = platform::CurrentProcessStartTime(),
      .features_required = 0,
      .features_optional = 0,
  };
}

void StoreHeader(const SegmentHeader& header, std::byte* base) {
  HeaderWords words;
  std::memcpy(words.data(), &header, sizeof(header));
  auto* shared = reinterpret_cast<SharedWord<uint64_t>*>(base);
  // Relaxed: the magic publishes them.
  for (size_t index = 1; index < kHeaderWords; index++) shared[index].StoreRelaxed(words[index]);
  // SYNC(segment.magic): observed in LoadHeader.
  shared[0].StoreRelease(words[0]);
}

// Each word once: the peer may still write.
SegmentHeader LoadHeader(const std::byte* base) {
  const auto* shared = reinterpret_cast<const SharedWord<uint64_t>*>(base);
  HeaderWords words;
  // SYNC(segment.magic): stored in StoreHeader.
  words[0] = shared[0].LoadAcquire();
  // Relaxed: ordered after the magic.
  for (size_t index = 1; index < kHeaderWords; index++) words[index] = shared[index].LoadRelaxed();
  SegmentHeader header;
  std::memcpy(&header, words.data(), sizeof(header));
  return header;
}

Status CheckHeader(const SegmentHeader& header, uint64_t mapped_bytes) {
  if (header.magic != kSegmentMagic || header.endian_tag != kEndianTag) {
    return Status::Error(StatusCode::kVersion, "the peer's memory is not a shmwire segment");
  }
  // A minor version only adds fields that a reader may ignore.
  if (header.layout_major != kLayoutMajor) {
    return Status::Error(StatusCode::kVersion, "the peer's segment has a different layout version");
  }
  if ((header.features_required & ~kFeaturesKnown) != 0) {
    return Status::Error(StatusCode::kVersion, "the peer's segment requires unknown features");
  }
  if (header.header_bytes < sizeof(SegmentHeader) || header.header_bytes > kControlOffset ||
      header.page_bytes != kLayoutPageBytes || header.control_offset != kControlOffset ||
      header.data_offset != kDataOffset) {
    return Status::Error(StatusCode::kCorrupt, "the peer's segment header has wrong offsets");
  }
  if (header.kind != static_cast<uint32_t>(SegmentKind::kRing)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's segment does not hold a ring");
  }
  if (header.capacity_log2 < kRingBytesLog2Min || header.capacity_log2 > kRingBytesLog2Max) {
    return Status::Error(StatusCode::kCorrupt, "the peer's ring has a capacity out of range");
  }
  if (header.segment_bytes != SegmentBytes(uint64_t{1} << header.capacity_log2) ||
      header.segment_bytes != mapped_bytes) {
    return Status::Error(StatusCode::kCorrupt, "the peer's segment header contradicts its size");
  }
  return {};
}

}  // namespace

Status OwnSegment::Create(uint64_t ring_bytes, OwnSegment* segment, const platform::MemoryId* id) {
  if (!IsRingBytes(ring_bytes)) {
    return Status::Error(StatusCode::kInvalidArgument,
                         "ringBytes must be a power of two from 65536 to 1073741824");
  }
  OwnSegment created;
  if (id != nullptr) {
    created.id_ = *id;
  } else if (Status status = platform::FillRandom(&created.id_, sizeof(created.id_));
             !status.ok()) {
    return status;
  }
  const SegmentHeader header = MakeHeader(ring_bytes, created.id_);
  platform::Mapping mapping;
  if (Status status = platform::CreateSharedMemory(created.id_, header.segment_bytes,
                                                   &created.handle_, &mapping);
      !status.ok()) {
    return status;
  }
  if (Status status = SharedMapping::Share(std::move(mapping), &created.mapping_); !status.ok()) {
    return status;
  }
  // The memory is zeroed, and zeros are the initial control block.
  StoreHeader(header, created.mapping_.data());
  if (Status status = platform::SealSharedMemory(created.handle_); !status.ok()) return status;
  *segment = std::move(created);
  return {};
}

Status PeerSegment::Map(const platform::Handle& handle, PeerSegment* segment) {
  PeerSegment mapped;
  platform::Mapping mapping;
  if (Status status = platform::MapPeerMemory(handle, IsSegmentBytes, &mapping); !status.ok()) {
    return status;
  }
  if (Status status = SharedMapping::Share(std::move(mapping), &mapped.mapping_); !status.ok()) {
    return status;
  }
  mapped.base_ = mapped.mapping_.data();
  const SegmentHeader header = LoadHeader(mapped.base_);
  if (Status status = CheckHeader(header, mapped.mapping_.bytes()); !status.ok()) return status;
  mapped.ring_bytes_ = uint64_t{1} << header.capacity_log2;
  mapped.owner_ = {.pid = header.owner_pid, .start_time = header.owner_start_time};
  *segment = std::move(mapped);
  return {};
}

PeerSegment PeerSegment::Borrow(const OwnSegment& own) {
  PeerSegment borrowed;
  borrowed.base_ = own.data() - kDataOffset;
  borrowed.ring_bytes_ = own.ring_bytes();
  return borrowed;
}

}  // namespace shmwire
