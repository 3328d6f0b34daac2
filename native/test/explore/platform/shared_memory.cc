#include "platform/shared_memory.h"

#include <cstdlib>

#include "test/explore/place.h"

// Plain memory: the actors are the peers, and system calls would slow down each run.

namespace shmwire::platform {

void Mapping::Unmap() {
  if (data_ == nullptr) return;
  explore::RemoveSegment(data_);
  std::free(data_);
  data_ = nullptr;
  bytes_ = 0;
}

void Mapping::Vacate() { Unmap(); }

Status CreateSharedMemory(const MemoryId& /*id*/, uint64_t bytes, Handle* handle,
                          Mapping* mapping) {
  auto* data = static_cast<std::byte*>(std::calloc(1, bytes));
  if (data == nullptr) return Status::Error(StatusCode::kOutOfMemory, "no memory to explore");
  explore::AddSegment(data, bytes);
  *mapping = Mapping(data, bytes);
  *handle = Handle();
  return {};
}

Status SealSharedMemory(const Handle& /*handle*/) { return {}; }

Status MapPeerMemory(const Handle& /*handle*/, bool (* /*is_size*/)(uint64_t bytes),
                     Mapping* /*mapping*/) {
  return Status::Error(StatusCode::kUnavailable, "explored memory is borrowed, not mapped");
}

}  // namespace shmwire::platform
