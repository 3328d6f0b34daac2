#include "test/explore/place.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/segment_layout.h"

namespace shmwire::explore {
namespace {

struct Segment {
  const std::byte* base;
  uint64_t bytes;
};

// The segments of one connection; the numbers are valid while both exist.
std::vector<Segment> segments;

struct PartStart {
  uint64_t offset;
  Part part;
  const char* name;
};

// In descending order: the first one at or below an offset contains it.
constexpr std::array<PartStart, 11> kParts = {{
    {kDataOffset, Part::kRecords, "records"},
    {kControlOffset + offsetof(ControlBlock, wake_sent_at), Part::kWakeTimes, "wake times"},
    {kControlOffset + offsetof(ControlBlock, counters), Part::kCounters, "counters"},
    {kControlOffset + offsetof(ControlBlock, state), Part::kState, "state"},
    {kControlOffset + offsetof(ControlBlock, wake_sequence), Part::kWakeSequence, "wake_sequence"},
    {kControlOffset + offsetof(ControlBlock, room_wake), Part::kRoomWake, "room wake"},
    {kControlOffset + offsetof(ControlBlock, data_wake), Part::kDataWake, "data wake"},
    {kControlOffset + offsetof(ControlBlock, head), Part::kHead, "head"},
    {kControlOffset + offsetof(ControlBlock, tail), Part::kTail, "tail"},
    {offsetof(SegmentHeader, layout_major), Part::kHeader, "header"},
    {offsetof(SegmentHeader, magic), Part::kMagic, "magic"},
}};

}  // namespace

void AddSegment(const std::byte* base, uint64_t bytes) { segments.push_back({base, bytes}); }

void RemoveSegment(const std::byte* base) {
  std::erase_if(segments, [base](const Segment& segment) { return segment.base == base; });
}

Place PlaceOf(const std::byte* address) {
  for (size_t index = 0; index < segments.size(); index++) {
    const Segment& segment = segments[index];
    if (address < segment.base || address >= segment.base + segment.bytes) continue;
    const auto offset = static_cast<uint64_t>(address - segment.base);
    const auto* part = std::find_if(kParts.begin(), kParts.end(), [offset](const PartStart& start) {
      return start.offset <= offset;
    });
    return {part->part, index, offset - part->offset};
  }
  return {};
}

std::string NameOf(const Place& place) {
  const auto* part = std::find_if(kParts.begin(), kParts.end(), [&place](const PartStart& start) {
    return start.part == place.part;
  });
  if (part == kParts.end()) return "own memory";
  std::string name = part->name;
  if (place.offset != 0) name += " + " + std::to_string(place.offset);
  return name + " of segment " + std::to_string(place.segment);
}

}  // namespace shmwire::explore
