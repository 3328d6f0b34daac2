#include "platform/shared_memory.h"

#include <utility>

#include "platform/windows/named_event.h"
#include "platform/windows/own_user.h"
#include "platform/windows/windows_api.h"

namespace shmwire::platform {
namespace {

constexpr int kBitsOfWord = 32;

// The bytes of a view whose pages all exist; 0 if some do not.
uint64_t CommittedBytes(const void* view) {
  MEMORY_BASIC_INFORMATION region{};
  if (VirtualQuery(view, &region, sizeof(region)) == 0) return 0;
  const bool is_whole = region.BaseAddress == view && region.State == MEM_COMMIT &&
                        region.Type == MEM_MAPPED && region.Protect == PAGE_READONLY;
  return is_whole ? region.RegionSize : 0;
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

// All pages exist, whatever `first_bytes` is: see CanAddPages.
Status CreateSharedMemory(const MemoryId& id, uint64_t bytes, uint64_t /*first_bytes*/,
                          Handle* handle, Mapping* mapping) {
  // Only the handle and the view of this process can write.
  OwnUserAccess access(FILE_MAP_READ);
  if (!access.status().ok()) return access.status();
  const ObjectName name(id, ObjectKind::kMemory);
  // SEC_COMMIT reserves memory or page file for all pages, so that no later access fails.
  const HANDLE section = CreateFileMappingW(
      INVALID_HANDLE_VALUE, access.attributes(), PAGE_READWRITE | SEC_COMMIT,
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
  *mapping = Mapping(static_cast<std::byte*>(view), bytes);
  *handle = std::move(created);
  return {};
}

// Pages could be reserved and committed later. But a read of a reserved page ends the process, and
// JavaScript has buffers over whole rings. A committed page takes memory only when it is first
// used.
bool CanAddPages() { return false; }

Status AddPages(const Mapping& /*mapping*/, uint64_t /*from*/, uint64_t /*to*/) {
  return Status::Error(StatusCode::kUnavailable, "all pages of this memory exist from the start");
}

// The access list was set at the creation. It does not bind this process, which has full access
// through its handle, nor one that this user lets debug it.
Status SealSharedMemory(const Handle& /*handle*/) { return {}; }

Status MapPeerMemory(const Handle& handle, bool (*is_size)(uint64_t bytes),
                     uint64_t /*first_bytes*/, Mapping* mapping) {
  if (!IsOwnedByThisUser(Native(handle)).value_or(false)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory belongs to another user");
  }
  void* const view = MapViewOfFile(Native(handle), FILE_MAP_READ, 0, 0, 0);
  if (view == nullptr) {
    return Status::Error(StatusCode::kOutOfMemory, "cannot map the peer's memory (MapViewOfFile)",
                         LastError());
  }
  const uint64_t bytes = CommittedBytes(view);
  Mapping mapped(static_cast<std::byte*>(view), bytes);
  if (!is_size(bytes)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory does not have a segment's size");
  }
  // A read from a file can fail.
  if (IsFile(view)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory is a file");
  }
  *mapping = std::move(mapped);
  return {};
}

// MapPeerMemory has checked all pages, and a view cannot be decommitted.
Status CheckPeerPages(const Mapping& /*mapping*/, uint64_t /*from*/) { return {}; }

}  // namespace shmwire::platform
