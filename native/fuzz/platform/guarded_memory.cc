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
bool pages_exist = true;
bool pages_can_be_added = true;

std::byte* MapBetweenGuards(int file, uint64_t bytes, int protection) {
  void* reserved = mmap(nullptr, bytes + 2 * kPageBytes, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  FUZZ_REQUIRE(reserved != MAP_FAILED);
  std::byte* start = static_cast<std::byte*>(reserved) + kPageBytes;
  FUZZ_REQUIRE(mmap(start, bytes, protection, MAP_SHARED | MAP_FIXED, file, 0) == start);
  return start;
}

// Pages that do not exist yet cannot be used.
void Protect(const GuardedMemory& memory, uint64_t from, bool writable, bool readable) {
  const uint64_t bytes = memory.bytes - from;
  if (bytes == 0) return;
  const int own = writable ? PROT_READ | PROT_WRITE : PROT_NONE;
  FUZZ_REQUIRE(mprotect(memory.writable + from, bytes, own) == 0);
  auto* peer = const_cast<std::byte*>(memory.readable) + from;
  FUZZ_REQUIRE(mprotect(peer, bytes, readable ? PROT_READ : PROT_NONE) == 0);
}

// Of the rest of an elastic segment.
void ProtectRest(const OwnSegment& own, bool writable) {
  if (!own.elastic()) return;
  const std::byte* base = own.data() - kDataOffset;
  for (const Slot& slot : Slots()) {
    if (slot.memory.writable != base) continue;
    Protect(slot.memory, SegmentBytes(kSmallRingBytes), writable, false);
  }
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

void LetPagesExist(bool exist) { pages_exist = exist; }

bool PagesExist() { return pages_exist; }

void LetPagesBeAdded(bool possible) { pages_can_be_added = possible; }

bool PagesCanBeAdded() { return pages_can_be_added; }

void RemovePages(const OwnSegment& own) { ProtectRest(own, false); }

void HidePages(const OwnSegment& own) { ProtectRest(own, true); }

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

Status CreateSharedMemory(const MemoryId& /*id*/, uint64_t bytes, uint64_t first_bytes,
                          Handle* handle, Mapping* mapping) {
  *handle = Handle();
  for (fuzz::Slot& slot : fuzz::Slots()) {
    if (slot.used || slot.memory.bytes != bytes) continue;
    slot.used = true;
    fuzz::Protect(slot.memory, 0, true, true);
    fuzz::Protect(slot.memory, first_bytes, false, false);
    // The writer never reads its data, so the rest of an earlier run does not matter.
    std::memset(slot.memory.writable, 0, kDataOffset);
    *mapping = Mapping(slot.memory.writable, bytes);
    return {};
  }
  fuzz::Slots().push_back({fuzz::MapGuarded(bytes), true});
  fuzz::Protect(fuzz::Slots().back().memory, first_bytes, false, false);
  *mapping = Mapping(fuzz::Slots().back().memory.writable, bytes);
  return {};
}

bool CanAddPages() { return true; }

// The rings of the targets are so small that they grow in one part.
Status AddPages(const Mapping& mapping, uint64_t from, uint64_t /*to*/) {
  if (!fuzz::pages_can_be_added) return Status::Error(StatusCode::kOutOfMemory, "no more pages");
  for (const fuzz::Slot& slot : fuzz::Slots()) {
    if (slot.memory.writable == mapping.data()) fuzz::Protect(slot.memory, from, true, true);
  }
  return {};
}

Status SealSharedMemory(const Handle& /*handle*/) { return {}; }

Status MapPeerMemory(const Handle& /*handle*/, bool (*is_size)(uint64_t bytes),
                     uint64_t /*first_bytes*/, Mapping* mapping) {
  if (!is_size(fuzz::offered_bytes)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory does not have a segment's size");
  }
  *mapping = Mapping(const_cast<std::byte*>(fuzz::offered_data), fuzz::offered_bytes);
  return {};
}

// A target that forges OFFER decides whether the pages exist.
Status CheckPeerPages(const Mapping& mapping, uint64_t from) {
  if (!fuzz::pages_exist) {
    return Status::Error(StatusCode::kUnavailable, "not all pages of the peer's memory exist");
  }
  FUZZ_REQUIRE(mprotect(mapping.data() + from, mapping.bytes() - from, PROT_READ) == 0);
  return {};
}

}  // namespace shmwire::platform
