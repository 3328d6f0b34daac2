#include "test/explore/place.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <vector>

#include "core/broadcast_layout.h"
#include "core/cell_layout.h"
#include "core/reader_layout.h"
#include "core/segment_layout.h"

namespace shmwire::explore {
namespace {

struct Segment {
  const std::byte* base;
  uint64_t bytes;
  uint64_t existing_bytes;
};

// The segments of one scenario; the numbers are valid while both exist.
std::vector<Segment> segments;

struct PartStart {
  uint64_t offset;
  Part part;
  const char* name;
};

constexpr PartStart kHeaderParts[] = {
    {offsetof(SegmentHeader, magic), Part::kMagic, "magic"},
    {offsetof(SegmentHeader, layout_major), Part::kHeader, "header"},
};

// In ascending order, from kControlOffset on: the last one at or below an offset contains it.
constexpr PartStart kRingParts[] = {
    {offsetof(ControlBlock, tail), Part::kTail, "tail"},
    {offsetof(ControlBlock, head), Part::kHead, "head"},
    {offsetof(ControlBlock, data_wake), Part::kDataWake, "data wake"},
    {offsetof(ControlBlock, room_wake), Part::kRoomWake, "room wake"},
    {offsetof(ControlBlock, wake_sequence), Part::kWakeSequence, "wake_sequence"},
    {offsetof(ControlBlock, state), Part::kState, "state"},
    {offsetof(ControlBlock, counters), Part::kCounters, "counters"},
    {offsetof(ControlBlock, wake_sent_at), Part::kWakeTimes, "wake times"},
    {offsetof(ControlBlock, accepted), Part::kAccepted, "accepted"},
    {kDataOffset - kControlOffset, Part::kRecords, "records"},
};
constexpr PartStart kBroadcastParts[] = {
    {offsetof(BroadcastControl, intent), Part::kIntent, "intent"},
    {offsetof(BroadcastControl, tail), Part::kTail, "tail"},
    {offsetof(BroadcastControl, latest), Part::kLatest, "latest"},
    {offsetof(BroadcastControl, room_wake), Part::kRoomWake, "room wake"},
    {offsetof(BroadcastControl, state), Part::kState, "state"},
    {offsetof(BroadcastControl, marks), Part::kMarks, "marks"},
    {kDataOffset - kControlOffset, Part::kRecords, "records"},
};
constexpr PartStart kCellParts[] = {
    {offsetof(CellControl, sequence), Part::kVersion, "sequence"},
    {offsetof(CellControl, state), Part::kState, "state"},
    {kDataOffset - kControlOffset, Part::kRecords, "slots"},
};
constexpr PartStart kReaderParts[] = {
    {offsetof(ReaderControl, data_wake), Part::kDataWake, "data wake"},
    {offsetof(ReaderControl, head), Part::kHead, "head"},
};

std::span<const PartStart> PartsOf(const std::byte* base, uint64_t offset) {
  if (offset < kControlOffset) return kHeaderParts;
  // Plainly: the header is complete before a run. Without one, as a ring.
  switch (static_cast<SegmentKind>(reinterpret_cast<const SegmentHeader*>(base)->kind)) {
    case SegmentKind::kRing:
      break;
    case SegmentKind::kBroadcast:
      return kBroadcastParts;
    case SegmentKind::kCell:
      return kCellParts;
    case SegmentKind::kReader:
      return kReaderParts;
  }
  return kRingParts;
}

}  // namespace

void AddSegment(const std::byte* base, uint64_t bytes, uint64_t first_bytes) {
  segments.push_back({base, bytes, first_bytes});
}

void AddPagesOf(const std::byte* base) {
  for (Segment& segment : segments) {
    if (segment.base == base) segment.existing_bytes = segment.bytes;
  }
}

void RemoveSegment(const std::byte* base) {
  std::erase_if(segments, [base](const Segment& segment) { return segment.base == base; });
}

Place PlaceOf(const std::byte* address) {
  for (size_t index = 0; index < segments.size(); index++) {
    const Segment& segment = segments[index];
    if (address < segment.base || address >= segment.base + segment.bytes) continue;
    auto offset = static_cast<uint64_t>(address - segment.base);
    const bool exists = offset < segment.existing_bytes;
    const std::span<const PartStart> parts = PartsOf(segment.base, offset);
    if (offset >= kControlOffset) offset -= kControlOffset;
    const auto after = std::find_if(parts.begin(), parts.end(), [offset](const PartStart& start) {
      return start.offset > offset;
    });
    const PartStart& part = *std::prev(after);
    return {part.part, index, offset - part.offset, part.name, exists};
  }
  return {};
}

std::string NameOf(const Place& place) {
  std::string name = place.name;
  if (place.part == Part::kPrivate) return name;
  if (place.offset != 0) name += " + " + std::to_string(place.offset);
  return name + " of segment " + std::to_string(place.segment);
}

}  // namespace shmwire::explore
