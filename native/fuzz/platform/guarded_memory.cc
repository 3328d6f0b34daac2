#include "fuzz/platform/guarded_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "fuzz/require.h"
#include "platform/shared_memory.h"

namespace shmwire::fuzz {
namespace {

// The fuzzers run where pages are not larger, so the layout's unit consists of whole pages.
constexpr uint64_t kPageBytes = kLayoutPageBytes;

struct Slot {
  GuardedMemory memory;
  bool used;
};

// Created for OwnSegment::Create, and kept for the next segment of the same size.
std::vector<Slot>& Slots() {
  static std::vector<Slot> slots;
  return slots;
}

const std::byte* offered_data = nullptr;
uint64_t offered_bytes = 0;

std::byte* MapBetweenGuards(int file, uint64_t bytes, int protection) {
  void* reserved = mmap(nullptr, bytes + 2 * kPageBytes, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  FUZZ_REQUIRE(reserved != MAP_FAILED);
  std::byte* start = static_cast<std::byte*>(reserved) + kPageBytes;
  FUZZ_REQUIRE(mmap(start, bytes, protection, MAP_SHARED | MAP_FIXED, file, 0) == start);
  return start;
}

}  // namespace

GuardedMemory MapGuarded(uint64_t bytes) {
  FUZZ_REQUIRE(static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) == kPageBytes);
  const uint64_t rounded = (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  const int file = memfd_create("fuzz", MFD_CLOEXEC);
  FUZZ_REQUIRE(file >= 0 && ftruncate(file, static_cast<off_t>(rounded)) == 0);
  const GuardedMemory memory = {MapBetweenGuards(file, rounded, PROT_READ | PROT_WRITE),
                                MapBetweenGuards(file, rounded, PROT_READ), rounded};
  close(file);
  return memory;
}

void OfferMemory(const std::byte* data, uint64_t bytes) {
  offered_data = data;
  offered_bytes = bytes;
}

PeerSegment MapReadOnly(const OwnSegment& own, SegmentKind kind) {
  const std::byte* base = own.data() - kDataOffset;
  for (const Slot& slot : Slots()) {
    if (slot.memory.writable == base) OfferMemory(slot.memory.readable, slot.memory.bytes);
  }
  PeerSegment peer;
  FUZZ_REQUIRE(PeerSegment::Map(kind, platform::Handle(), &peer).ok());
  return peer;
}

void LeaveControlOnly(const OwnSegment& own) {
  std::byte* data = own.data();
  FUZZ_REQUIRE(mprotect(data, own.ring_bytes(), PROT_NONE) == 0);
  FUZZ_REQUIRE(mprotect(data - kDataOffset, kPageBytes, PROT_READ) == 0);
}

}  // namespace shmwire::fuzz

namespace shmwire::platform {

void Mapping::Unmap() {
  for (fuzz::Slot& slot : fuzz::Slots()) {
    if (slot.memory.writable == data_) slot.used = false;
  }
  data_ = nullptr;
  bytes_ = 0;
}

void Mapping::Vacate() { Unmap(); }

Status CreateSharedMemory(const MemoryId& /*id*/, uint64_t bytes, Handle* handle,
                          Mapping* mapping) {
  *handle = Handle();
  for (fuzz::Slot& slot : fuzz::Slots()) {
    if (slot.used || slot.memory.bytes != bytes) continue;
    slot.used = true;
    // The writer never reads its data, so the rest of an earlier run does not matter.
    std::memset(slot.memory.writable, 0, kDataOffset);
    *mapping = Mapping(slot.memory.writable, bytes);
    return {};
  }
  fuzz::Slots().push_back({fuzz::MapGuarded(bytes), true});
  *mapping = Mapping(fuzz::Slots().back().memory.writable, bytes);
  return {};
}

Status SealSharedMemory(const Handle& /*handle*/) { return {}; }

Status MapPeerMemory(const Handle& /*handle*/, bool (*is_size)(uint64_t bytes), Mapping* mapping) {
  if (!is_size(fuzz::offered_bytes)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory does not have a segment's size");
  }
  *mapping = Mapping(const_cast<std::byte*>(fuzz::offered_data), fuzz::offered_bytes);
  return {};
}

}  // namespace shmwire::platform
