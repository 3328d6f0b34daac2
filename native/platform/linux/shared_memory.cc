#include "platform/shared_memory.h"
#include "platform/posix/memory_error.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

// Newer than the oldest headers that the build supports.
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace shmwire::platform {
namespace {

// Fixed size, no new writable mapping, no write, no hole, and no change of the seals
// (memfd_create(2), fcntl(2)). Not F_SEAL_WRITE: the owner could not write either.
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;

// A profiler's timer may interrupt every attempt.
constexpr int kReserveAttemptsMax = 100;

int CreateMemoryFile() {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const int file = memfd_create("shmwire", kFlags | MFD_NOEXEC_SEAL);
  if (file >= 0 || errno != EINVAL) return file;
  return memfd_create("shmwire", kFlags);  // before Linux 6.3
}

// Returns 0 or the error number.
int Reserve(int file, off_t bytes) {
  int os_error = EINTR;
  for (int attempt = 0; attempt < kReserveAttemptsMax && os_error == EINTR; attempt++) {
    os_error = fallocate(file, 0, 0, bytes) == 0 ? 0 : errno;
  }
  return os_error == EINTR ? ENOMEM : os_error;
}

// Writes zeros to reserved pages, so that they exist: many pages in a call cost less than a fault
// for each (decision 81). Stops at an error, because MAP_POPULATE creates the other pages.
void WriteZeros(int file, uint64_t bytes) {
  static constexpr std::byte kZeros[4096] = {};
  constexpr uint64_t kPartsPerCall = 256;
  uint64_t at = 0;
  while (at < bytes) {
    iovec parts[kPartsPerCall];
    int count = 0;
    for (uint64_t next = at; next < bytes && count < static_cast<int>(kPartsPerCall); count++) {
      const uint64_t length = std::min<uint64_t>(sizeof(kZeros), bytes - next);
      parts[count] = {.iov_base = const_cast<std::byte*>(kZeros), .iov_len = length};
      next += length;
    }
    const ssize_t written = pwritev(file, parts, count, static_cast<off_t>(at));
    if (written <= 0) return;
    at += static_cast<uint64_t>(written);
  }
}

constexpr uint64_t kBlockBytes = 512;  // of stx_blocks, on every file system

// Pages in one call of mincore.
constexpr uint64_t kPagesPerCall = 4096;

uint64_t PageBytes() { return static_cast<uint64_t>(sysconf(_SC_PAGESIZE)); }

uint64_t RoundUpToPage(uint64_t bytes) {
  return (bytes + PageBytes() - 1) / PageBytes() * PageBytes();
}

// Counts the existing pages of a mapping, up to the first call that finds a missing one: a peer
// must pay for the pages that this process examines. Pages that are only reserved (fallocate) do
// not exist yet. Takes no lock that a peer can hold, so it cannot wait for a peer; lseek with
// SEEK_HOLE takes the lock of the file's position and that of the inode. Errors: kUnavailable.
Status CountPages(std::byte* data, uint64_t bytes, uint64_t* pages) {
  *pages = 0;
  const uint64_t count = RoundUpToPage(bytes) / PageBytes();
  unsigned char exists[kPagesPerCall];
  for (uint64_t first = 0; first < count; first += kPagesPerCall) {
    const uint64_t part = std::min(kPagesPerCall, count - first);
    if (mincore(data + first * PageBytes(), part * PageBytes(), exists) != 0) {
      return Status::Error(StatusCode::kUnavailable, "cannot examine memory (mincore)", errno);
    }
    uint64_t existing = 0;
    for (uint64_t index = 0; index < part; index++) existing += exists[index] & 1U;
    *pages += existing;
    if (existing != part) break;
  }
  return {};
}

uint64_t RoundDownToPage(uint64_t bytes) { return bytes / PageBytes() * PageBytes(); }

// Of the pages from `from` to `to`. `bytes`: of the whole memory, which one more page follows.
// Errors: kUnavailable, also if the system does not report the pages.
Status CheckPages(std::byte* data, uint64_t bytes, uint64_t from, uint64_t to) {
  // Without permission, mincore reports every page as existing, even one after the end.
  uint64_t pages = 0;
  Status status = CountPages(data + RoundUpToPage(bytes), PageBytes(), &pages);
  if (!status.ok()) return status;
  if (pages != 0) {
    return Status::Error(StatusCode::kUnavailable,
                         "the system does not report which pages of the peer's memory exist");
  }
  const uint64_t start = RoundDownToPage(from);
  if (status = CountPages(data + start, to - start, &pages); !status.ok()) return status;
  if (pages == RoundUpToPage(to - start) / PageBytes()) return {};
  // Not necessarily a violation: the page of an honest peer may be swapped out.
  return Status::Error(StatusCode::kUnavailable, "not all pages of the peer's memory exist");
}

// mmap does not report a page that it could not populate.
void TouchPages(std::byte* data, uint64_t bytes) {
  for (uint64_t at = 0; at < bytes; at += PageBytes()) {
    static_cast<void>(*static_cast<volatile std::byte*>(data + at));
  }
}

// Errors: kUnavailable.
Status FillPages(std::byte* data, uint64_t bytes) {
  const uint64_t expected = RoundUpToPage(bytes) / PageBytes();
  uint64_t pages = 0;
  if (Status status = CountPages(data, bytes, &pages); !status.ok()) return status;
  if (pages == expected) return {};
  TouchPages(data, bytes);
  if (Status status = CountPages(data, bytes, &pages); !status.ok()) return status;
  if (pages == expected) return {};
  // A peer would reject the memory.
  return Status::Error(StatusCode::kUnavailable, "cannot fill shared memory with pages");
}

// `data` is the start of a page. Unlike a write to a page that does not exist, this reports a lack
// of memory.
Status PopulatePages(std::byte* data, uint64_t bytes) {
  if (madvise(data, bytes, MADV_POPULATE_WRITE) != 0) {
    return MemoryError("cannot create pages of shared memory (madvise)", errno);
  }
  // An emulator may ignore the call.
  return FillPages(data, bytes);
}

}  // namespace

Status CreateSharedMemory(const MemoryId& /*id*/, uint64_t bytes, uint64_t first_bytes,
                          Handle* handle, Mapping* mapping) {
  const int file = CreateMemoryFile();
  if (file < 0) return MemoryError("cannot create shared memory (memfd_create)", errno);
  Handle created(file);
  if (ftruncate(file, static_cast<off_t>(bytes)) != 0) {
    return MemoryError("cannot size shared memory (ftruncate)", errno);
  }
  // Without it, a shortage of memory raises SIGBUS at a later write.
  if (const int os_error = Reserve(file, static_cast<off_t>(first_bytes)); os_error != 0) {
    return MemoryError("cannot reserve shared memory (fallocate)", os_error);
  }
  WriteZeros(file, first_bytes);
  // Populate: the pages exist already, and a fault for each would cost eight times as much.
  const bool is_whole = first_bytes == bytes;
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                    MAP_SHARED | (is_whole ? MAP_POPULATE : 0), file, 0);
  if (data == MAP_FAILED) return MemoryError("cannot map shared memory (mmap)", errno);
  Mapping created_mapping(static_cast<std::byte*>(data), bytes);
  if (Status status = is_whole ? FillPages(created_mapping.data(), bytes)
                               : PopulatePages(created_mapping.data(), first_bytes);
      !status.ok()) {
    return status;
  }
  *mapping = std::move(created_mapping);
  *handle = std::move(created);
  return {};
}

bool CanAddPages() {
  // Since Linux 5.14. Without a range, the call only checks that it knows the advice.
  return madvise(nullptr, 0, MADV_POPULATE_WRITE) == 0;
}

Status AddPages(const Mapping& mapping, uint64_t from, uint64_t to) {
  const uint64_t start = RoundDownToPage(from);
  return PopulatePages(mapping.data() + start, to - start);
}

Status SealSharedMemory(const Handle& handle) {
  if (fcntl(static_cast<int>(handle.native()), F_ADD_SEALS, kSeals) != 0) {
    // F_SEAL_FUTURE_WRITE exists since Linux 5.1.
    return Status::Error(StatusCode::kUnavailable, "cannot seal shared memory (F_ADD_SEALS)",
                         errno);
  }
  return {};
}

Status MapPeerMemory(const Handle& handle, bool (*is_size)(uint64_t bytes), uint64_t first_bytes,
                     Mapping* mapping) {
  const int file = static_cast<int>(handle.native());
  // First, because only seals make the following checks stable. Files without seals fail here.
  const int seals = fcntl(file, F_GET_SEALS);
  if (seals < 0) {
    return Status::Error(StatusCode::kCorrupt, "the peer's descriptor is not sealable memory",
                         errno);
  }
  if ((seals & kSeals) != kSeals || (seals & F_SEAL_WRITE) != 0) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory lacks a required seal");
  }
  // Huge pages (hugetlbfs) can be sealed too, but a read still fails when they run out.
  struct statfs file_system {};
  if (fstatfs(file, &file_system) != 0) {
    return Status::Error(StatusCode::kUnavailable, "cannot examine the peer's memory (fstatfs)",
                         errno);
  }
  if (file_system.f_type != TMPFS_MAGIC) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory does not have regular pages");
  }
  // Not fstat: built against a new glibc it would require 2.33, and Node itself runs from 2.28 on.
  // musl has a function statx since 1.2.5 only.
  struct statx file_stat {};
  if (syscall(SYS_statx, file, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &file_stat) != 0) {
    return Status::Error(StatusCode::kUnavailable, "cannot examine the peer's memory (statx)",
                         errno);
  }
  if ((file_stat.stx_mode & S_IFMT) != S_IFREG) {
    return Status::Error(StatusCode::kCorrupt, "the peer's descriptor is not memory");
  }
  const uint64_t bytes = file_stat.stx_size;
  if (!is_size(bytes)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory does not have a segment's size");
  }
  const uint64_t checked_bytes = std::min(first_bytes, bytes);
  if (file_stat.stx_blocks * kBlockBytes < checked_bytes) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory has holes");
  }
  const uint64_t mapped_bytes = RoundUpToPage(bytes) + PageBytes();
  void* mapped = mmap(nullptr, mapped_bytes, PROT_READ, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) {
    return Status::Error(StatusCode::kOutOfMemory, "cannot map the peer's memory (mmap)", errno);
  }
  Mapping checked(static_cast<std::byte*>(mapped), bytes, mapped_bytes);
  // The seals forbid new holes, so this stays true. Blocks after the end of the file do not count.
  Status status = CheckPages(checked.data(), bytes, 0, checked_bytes);
  if (status.ok()) *mapping = std::move(checked);
  return status;
}

Status CheckPeerPages(const Mapping& mapping, uint64_t from) {
  return CheckPages(mapping.data(), mapping.bytes(), from, mapping.bytes());
}

}  // namespace shmwire::platform
