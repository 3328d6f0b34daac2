#include "core/segment.h"

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "platform/process.h"

namespace shmwire {
namespace {

constexpr size_t kHeaderWords = sizeof(SegmentHeader) / sizeof(uint64_t);
static_assert(sizeof(SegmentHeader) % sizeof(uint64_t) == 0);
using HeaderWords = std::array<uint64_t, kHeaderWords>;

uint32_t CapacityLog2(uint64_t data_bytes) {
  return data_bytes == 0 ? 0 : static_cast<uint32_t>(std::countr_zero(data_bytes));
}

// The bytes of an elastic segment that exist from the start.
constexpr uint64_t kElasticBytes = SegmentBytes(kSmallRingBytes);

SegmentHeader MakeHeader(SegmentKind kind, uint64_t data_bytes, bool elastic,
                         const platform::MemoryId& id) {
  return {
      .magic = kSegmentMagic,
      .layout_major = kLayoutMajor,
      .layout_minor = kLayoutMinor,
      .endian_tag = kEndianTag,
      .header_bytes = sizeof(SegmentHeader),
      .page_bytes = kLayoutPageBytes,
      .segment_bytes = SegmentBytes(data_bytes),
      .kind = static_cast<uint32_t>(kind),
      .capacity_log2 = CapacityLog2(data_bytes),
      .control_offset = kControlOffset,
      .data_offset = kDataOffset,
      .id = {id[0], id[1]},
      .owner_pid = platform::CurrentProcessId(),
      .owner_uid = platform::CurrentUserId(),
      .owner_start_time = platform::CurrentProcessStartTime(),
      .features_required = elastic ? kFeatureElastic : 0,
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

using IsSize = bool (*)(uint64_t bytes);

IsSize IsSizeOf(SegmentKind kind) {
  switch (kind) {
    case SegmentKind::kRing:
      break;
    case SegmentKind::kBroadcast:
      return IsSegmentBytesOf<SegmentKind::kBroadcast>;
    case SegmentKind::kCell:
      return IsSegmentBytesOf<SegmentKind::kCell>;
    case SegmentKind::kReader:
      return IsSegmentBytesOf<SegmentKind::kReader>;
  }
  return IsSegmentBytesOf<SegmentKind::kRing>;
}

Status CheckHeader(const SegmentHeader& header, SegmentKind kind, uint64_t mapped_bytes) {
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
  if (header.kind != static_cast<uint32_t>(kind)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's segment is of another kind");
  }
  if (!IsSizeOf(kind)(mapped_bytes) || header.segment_bytes != mapped_bytes ||
      header.capacity_log2 != CapacityLog2(mapped_bytes - kDataOffset)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's segment header contradicts its size");
  }
  if ((header.features_required & kFeatureElastic) != 0 &&
      (kind != SegmentKind::kRing || mapped_bytes <= kElasticBytes)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's segment cannot be elastic");
  }
  return {};
}

}  // namespace

Status OwnSegment::Create(uint64_t ring_bytes, OwnSegment* segment, const platform::MemoryId* id) {
  return Create(SegmentKind::kRing, ring_bytes, segment, id);
}

Status OwnSegment::Create(SegmentKind kind, uint64_t data_bytes, OwnSegment* segment,
                          const platform::MemoryId* id) {
  if (!IsDataBytes(kind, data_bytes)) {
    return Status::Error(StatusCode::kInvalidArgument,
                         kind == SegmentKind::kCell
                             ? "the memory of a cell must be a power of two from 8192 to 1073741824"
                             : "ringBytes must be a power of two from 65536 to 1073741824");
  }
  OwnSegment created;
  if (id != nullptr) {
    created.id_ = *id;
  } else if (Status status = platform::FillRandom(&created.id_, sizeof(created.id_));
             !status.ok()) {
    return status;
  }
  created.elastic_ =
      kind == SegmentKind::kRing && data_bytes > kSmallRingBytes && platform::CanAddPages();
  const SegmentHeader header = MakeHeader(kind, data_bytes, created.elastic_, created.id_);
  platform::Mapping mapping;
  if (Status status = platform::CreateSharedMemory(
          created.id_, header.segment_bytes,
          created.elastic_ ? kElasticBytes : header.segment_bytes, &created.handle_, &mapping);
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

Status OwnSegment::AddPages(uint64_t from, uint64_t to) const {
  return platform::AddPages(mapping_.mapping(), kDataOffset + from, kDataOffset + to);
}

Status PeerSegment::Map(SegmentKind kind, const platform::Handle& handle, PeerSegment* segment) {
  PeerSegment mapped;
  platform::Mapping mapping;
  // A ring may be elastic, and its header is not read before its page is checked.
  const uint64_t first_bytes =
      kind == SegmentKind::kRing ? kElasticBytes : std::numeric_limits<uint64_t>::max();
  if (Status status = platform::MapPeerMemory(handle, IsSizeOf(kind), first_bytes, &mapping);
      !status.ok()) {
    return status;
  }
  if (Status status = SharedMapping::Share(std::move(mapping), &mapped.mapping_); !status.ok()) {
    return status;
  }
  mapped.base_ = mapped.mapping_.data();
  const SegmentHeader header = LoadHeader(mapped.base_);
  Status status = CheckHeader(header, kind, mapped.mapping_.bytes());
  if (!status.ok()) return status;
  mapped.data_bytes_ = mapped.mapping_.bytes() - kDataOffset;
  mapped.mapped_ = true;
  mapped.elastic_ = (header.features_required & kFeatureElastic) != 0;
  if (kind == SegmentKind::kRing && !mapped.elastic_) {
    if (status = mapped.CheckPages(); !status.ok()) return status;
  }
  mapped.owner_ = {.pid = header.owner_pid, .start_time = header.owner_start_time};
  *segment = std::move(mapped);
  return {};
}

Status PeerSegment::CheckPages() const {
  return mapped_ ? platform::CheckPeerPages(mapping_.mapping(), kElasticBytes) : Status();
}

PeerSegment PeerSegment::Borrow(const OwnSegment& own) {
  PeerSegment borrowed;
  borrowed.base_ = own.data() - kDataOffset;
  borrowed.data_bytes_ = own.data_bytes();
  borrowed.elastic_ = own.elastic();
  return borrowed;
}

PeerSegment PeerSegment::Share(const OwnSegment& own) {
  PeerSegment shared = Borrow(own);
  shared.mapping_ = own.mapping();
  return shared;
}

}  // namespace shmwire
