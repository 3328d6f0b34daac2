#include "platform/shared_memory.h"

#include <algorithm>
#include <utility>

#include "platform/windows/named_event.h"
#include "platform/windows/own_user.h"
#include "platform/windows/windows_api.h"

namespace shmwire::platform {
namespace {

constexpr int kBitsOfWord = 32;

// The bytes from `at` to the end of the view whose pages are all committed, or all reserved; 0 if
// the view has none there.
uint64_t RegionBytes(const void* view, const std::byte* at, DWORD state) {
  MEMORY_BASIC_INFORMATION region{};
  if (VirtualQuery(at, &region, sizeof(region)) == 0) return 0;
  // The protection of reserved pages is not set yet.
  const bool matches = region.AllocationBase == view && region.State == state &&
                       region.Type == MEM_MAPPED &&
                       (state == MEM_RESERVE || region.Protect == PAGE_READONLY);
  // A region may begin before `at`.
  const auto* start = static_cast<const std::byte*>(region.BaseAddress);
  return matches ? region.RegionSize - static_cast<uint64_t>(at - start) : 0;
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
  const DWORD pages = first_bytes == bytes ? SEC_COMMIT : SEC_RESERVE;
  const HANDLE section = CreateFileMappingW(
      INVALID_HANDLE_VALUE, access.attributes(), PAGE_READWRITE | pages,
      static_cast<DWORD>(bytes >> kBitsOfWord), static_cast<DWORD>(bytes), name.text());
  const int32_t error = LastError();
  if (section == nullptr) {
    return Status::Error(StatusCode::kOutOfMemory,
                         "cannot create shared memory (CreateFileMapping)", error);
  }
  Handle created = Own(section);
  if (error == ERROR_ALREADY_EXISTS) {
    return Status::Error(StatusCode::kUnavailable, "the name of shared memory is taken", error);
  }
  void* const view = MapViewOfFile(section, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, bytes);
  if (view == nullptr) {
    return Status::Error(StatusCode::kOutOfMemory, "cannot map shared memory (MapViewOfFile)",
                         LastError());
  }
  Mapping created_mapping(static_cast<std::byte*>(view), bytes);
  if (pages == SEC_RESERVE) {
    if (Status status = CommitPages(view, first_bytes); !status.ok()) return status;
  }
  *mapping = std::move(created_mapping);
  *handle = std::move(created);
  return {};
}

bool CanAddPages() { return true; }

Status AddPages(const Mapping& mapping, uint64_t from) {
  return CommitPages(mapping.data() + from, mapping.bytes() - from);
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
  const auto* start = static_cast<const std::byte*>(view);
  const uint64_t committed_bytes = RegionBytes(view, start, MEM_COMMIT);
  const uint64_t bytes = committed_bytes + RegionBytes(view, start + committed_bytes, MEM_RESERVE);
  Mapping mapped(static_cast<std::byte*>(view), bytes);
  if (!is_size(bytes)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory does not have a segment's size");
  }
  if (committed_bytes < std::min(first_bytes, bytes)) {
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
  if (RegionBytes(view, view + from, MEM_COMMIT) >= mapping.bytes() - from) return {};
  return Status::Error(StatusCode::kUnavailable, "not all pages of the peer's memory exist");
}

}  // namespace shmwire::platform
