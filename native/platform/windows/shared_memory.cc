#include "platform/shared_memory.h"

#include <algorithm>
#include <utility>

#include "platform/windows/named_event.h"
#include "platform/windows/own_user.h"
#include "platform/windows/windows_api.h"

namespace shmwire::platform {
namespace {

constexpr int kBitsOfWord = 32;

// The last page of a section whose pages are committed later stays reserved: wine 8 does not record
// a commit that reaches the end of a view, so its VirtualQuery would not report it (decision 82).
constexpr uint64_t kGuardBytes = 4096;

// A view has at most two, and some more while its owner commits pages.
constexpr int kRegionsMax = 64;

struct Region {
  DWORD state = MEM_FREE;
  uint64_t bytes = 0;
};

// The pages of the view from `at` on that have the same state, committed or reserved. No bytes: the
// view has none there.
Region RegionAt(const void* view, const std::byte* at) {
  MEMORY_BASIC_INFORMATION region{};
  if (VirtualQuery(at, &region, sizeof(region)) == 0) return {};
  if (region.AllocationBase != view || region.Type != MEM_MAPPED) return {};
  // The protection of reserved pages is not set yet.
  const bool is_readable = region.State == MEM_RESERVE ||
                           (region.State == MEM_COMMIT && region.Protect == PAGE_READONLY);
  if (!is_readable) return {};
  // A region may begin before `at`.
  const auto* start = static_cast<const std::byte*>(region.BaseAddress);
  return {.state = region.State, .bytes = region.RegionSize - static_cast<uint64_t>(at - start)};
}

uint64_t CommittedBytes(const void* view, const std::byte* at) {
  const Region region = RegionAt(view, at);
  return region.state == MEM_COMMIT ? region.bytes : 0;
}

// The size of the memory of a view, which may grow meanwhile. 0: it has too many regions.
uint64_t MemoryBytes(const void* view) {
  const auto* start = static_cast<const std::byte*>(view);
  uint64_t bytes = 0;
  uint64_t guard_bytes = 0;
  for (int count = 0; count < kRegionsMax; count++) {
    const Region region = RegionAt(view, start + bytes);
    if (region.bytes == 0) return bytes - guard_bytes;
    guard_bytes = region.state == MEM_RESERVE ? kGuardBytes : 0;
    bytes += region.bytes;
  }
  return 0;
}

bool IsFile(void* view) {
  wchar_t name[2];
  // Memory of the page file has no name.
  if (GetMappedFileNameW(GetCurrentProcess(), view, name, 2) != 0) return true;
  switch (GetLastError()) {
    // The name is longer than this buffer, or than one of the system.
    case ERROR_INSUFFICIENT_BUFFER:
    case ERROR_MORE_DATA:
    case ERROR_BAD_LENGTH:
    case ERROR_BUFFER_OVERFLOW:
    case ERROR_FILENAME_EXCED_RANGE:
      return true;
    default:
      return false;
  }
}

// A view cannot be decommitted, so the pages exist until the memory ends.
Status CommitPages(void* start, uint64_t bytes) {
  if (VirtualAlloc(start, bytes, MEM_COMMIT, PAGE_READWRITE) != nullptr) return {};
  return Status::Error(StatusCode::kOutOfMemory,
                       "cannot create pages of shared memory (VirtualAlloc)", LastError());
}

}  // namespace

void Mapping::Unmap() {
  if (data_ == nullptr) return;
  UnmapViewOfFile(data_);
  data_ = nullptr;
  bytes_ = 0;
  mapped_bytes_ = 0;
}

// Windows cannot replace a view without a moment in which another thread may get its addresses. So
// the view stays until the process ends.
void Mapping::Vacate() {
  data_ = nullptr;
  bytes_ = 0;
  mapped_bytes_ = 0;
}

Status CreateSharedMemory(const MemoryId& id, uint64_t bytes, uint64_t first_bytes, Handle* handle,
                          Mapping* mapping) {
  // Only the handle and the view of this process can write.
  OwnUserAccess access(FILE_MAP_READ);
  if (!access.status().ok()) return access.status();
  const ObjectName name(id, ObjectKind::kMemory);
  // A committed page has memory or page file, so that no later access fails.
  const bool is_whole = first_bytes == bytes;
  const uint64_t section_bytes = is_whole ? bytes : bytes + kGuardBytes;
  const HANDLE section = CreateFileMappingW(INVALID_HANDLE_VALUE, access.attributes(),
                                            PAGE_READWRITE | (is_whole ? SEC_COMMIT : SEC_RESERVE),
                                            static_cast<DWORD>(section_bytes >> kBitsOfWord),
                                            static_cast<DWORD>(section_bytes), name.text());
  const int32_t error = LastError();
  if (section == nullptr) {
    return Status::Error(StatusCode::kOutOfMemory,
                         "cannot create shared memory (CreateFileMapping)", error);
  }
  Handle created = Own(section);
  if (error == ERROR_ALREADY_EXISTS) {
    return Status::Error(StatusCode::kUnavailable, "the name of shared memory is taken", error);
  }
  void* const view = MapViewOfFile(section, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, section_bytes);
  if (view == nullptr) {
    return Status::Error(StatusCode::kOutOfMemory, "cannot map shared memory (MapViewOfFile)",
                         LastError());
  }
  Mapping created_mapping(static_cast<std::byte*>(view), bytes, section_bytes);
  if (!is_whole) {
    if (Status status = CommitPages(view, first_bytes); !status.ok()) return status;
  }
  *mapping = std::move(created_mapping);
  *handle = std::move(created);
  return {};
}

bool CanAddPages() { return true; }

Status AddPages(const Mapping& mapping, uint64_t from, uint64_t to) {
  return CommitPages(mapping.data() + from, to - from);
}

// The access list was set at the creation. It does not bind this process, which has full access
// through its handle, nor one that this user lets debug it.
Status SealSharedMemory(const Handle& /*handle*/) { return {}; }

Status MapPeerMemory(const Handle& handle, bool (*is_size)(uint64_t bytes), uint64_t first_bytes,
                     Mapping* mapping) {
  if (!IsOwnedByThisUser(Native(handle)).value_or(false)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory belongs to another user");
  }
  void* const view = MapViewOfFile(Native(handle), FILE_MAP_READ, 0, 0, 0);
  if (view == nullptr) {
    return Status::Error(StatusCode::kOutOfMemory, "cannot map the peer's memory (MapViewOfFile)",
                         LastError());
  }
  const uint64_t bytes = MemoryBytes(view);
  Mapping mapped(static_cast<std::byte*>(view), bytes);
  if (!is_size(bytes)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory does not have a segment's size");
  }
  if (CommittedBytes(view, mapped.data()) < std::min(first_bytes, bytes)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory lacks pages");
  }
  // A read from a file can fail.
  if (IsFile(view)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory is a file");
  }
  *mapping = std::move(mapped);
  return {};
}

Status CheckPeerPages(const Mapping& mapping, uint64_t from) {
  const std::byte* view = mapping.data();
  if (CommittedBytes(view, view + from) >= mapping.bytes() - from) return {};
  return Status::Error(StatusCode::kUnavailable, "not all pages of the peer's memory exist");
}

}  // namespace shmwire::platform
