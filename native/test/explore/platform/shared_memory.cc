#include "platform/shared_memory.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "test/explore/explored_access.h"
#include "test/explore/place.h"

// Plain memory: the actors are the peers, and system calls would slow down each run.

namespace shmwire::platform {
namespace {

struct Memory {
  std::byte* data;
  uint64_t bytes;
  int mappings;
};

std::vector<Memory> memories;

}  // namespace

void Mapping::Unmap() {
  if (data_ == nullptr) return;
  const auto memory = std::find_if(memories.begin(), memories.end(),
                                   [this](const Memory& one) { return one.data == data_; });
  memory->mappings--;
  if (memory->mappings == 0) {
    explore::RemoveSegment(data_);
    std::free(data_);
    memories.erase(memory);
  }
  data_ = nullptr;
  bytes_ = 0;
}

void Mapping::Vacate() { Unmap(); }

Status CreateSharedMemory(const MemoryId& /*id*/, uint64_t bytes, uint64_t first_bytes,
                          Handle* handle, Mapping* mapping) {
  auto* data = static_cast<std::byte*>(std::calloc(1, bytes));
  if (data == nullptr) return Status::Error(StatusCode::kOutOfMemory, "no memory to explore");
  explore::AddSegment(data, bytes, first_bytes);
  memories.push_back({data, bytes, 1});
  *mapping = Mapping(data, bytes);
  *handle = Handle();
  return {};
}

bool CanAddPages() { return true; }

Status AddPages(const Mapping& mapping, uint64_t /*from*/, uint64_t /*to*/) {
  explore::AddPages(mapping.data());
  return {};
}

Status SealSharedMemory(const Handle& /*handle*/) { return {}; }

// Handles have no meaning here: maps the memory that was created last.
Status MapPeerMemory(const Handle& /*handle*/, bool (* /*is_size*/)(uint64_t bytes),
                     uint64_t /*first_bytes*/, Mapping* mapping) {
  if (memories.empty()) return Status::Error(StatusCode::kUnavailable, "there is no memory yet");
  memories.back().mappings++;
  *mapping = Mapping(memories.back().data, memories.back().bytes);
  return {};
}

Status CheckPeerPages(const Mapping& /*mapping*/, uint64_t /*from*/) { return {}; }

}  // namespace shmwire::platform
