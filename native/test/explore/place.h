#pragma once

// Names the part of a segment at an address of the explored memory.

#include <cstddef>
#include <cstdint>
#include <string>

namespace shmwire::explore {

enum class Part : uint8_t {
  kPrivate,  // not in a segment
  kMagic,
  kHeader,
  kIntent,
  kTail,
  kLatest,
  kMarks,
  kVersion,
  kHead,
  kDataWake,
  kRoomWake,
  kWakeSequence,
  kState,
  kCounters,
  kWakeTimes,
  kAccepted,
  kRecords,  // or the values of a cell
};

struct Place {
  Part part = Part::kPrivate;
  size_t segment = 0;   // in the order of creation
  uint64_t offset = 0;  // in the part
  const char* name = "own memory";
  bool exists = true;  // its page
};

// The memory of a segment, from CreateSharedMemory to Unmap. Only `first_bytes` of it exist.
void AddSegment(const std::byte* base, uint64_t bytes, uint64_t first_bytes);
// The rest of it exists from now on.
void AddPagesOf(const std::byte* base);
void RemoveSegment(const std::byte* base);

Place PlaceOf(const std::byte* address);
std::string NameOf(const Place& place);

}  // namespace shmwire::explore
