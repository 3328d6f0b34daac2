#include "platform/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

// Newer than the oldest headers we build with.
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace shmwire::platform {
namespace {

// Size fixed, no new writable mapping, no write, no hole, and the seals themselves fixed
// (memfd_create(2), fcntl(2)). Not F_SEAL_WRITE: the owner could not write either.
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;

constexpr uint64_t kBlockBytes = 512;  // of stx_blocks, whatever the file system's are

// A profiler's timer may interrupt each attempt; without a bound we would never return.
constexpr int kReserveAttemptsMax = 100;

Status SystemError(const char* context, int os_error) {
  switch (os_error) {
    case ENOSPC:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EDQUOT:
      return Status::Error(StatusCode::kOutOfMemory, context, os_error);
    default:
      return Status::Error(StatusCode::kUnavailable, context, os_error);
  }
}

int CreateMemoryFile() {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const int file = memfd_create("shmwire", kFlags | MFD_NOEXEC_SEAL);
  if (file >= 0 || errno != EINVAL) return file;
  return memfd_create("shmwire", kFlags);  // before Linux 6.3
}

// Zero, or the error number.
int Reserve(int file, off_t bytes) {
  int os_error = EINTR;
  for (int attempt = 0; attempt < kReserveAttemptsMax && os_error == EINTR; attempt++) {
    os_error = fallocate(file, 0, 0, bytes) == 0 ? 0 : errno;
  }
  return os_error == EINTR ? ENOMEM : os_error;
}

}  // namespace

void Mapping::Unmap() {
  if (data_ == nullptr) return;
  munmap(data_, bytes_);
  data_ = nullptr;
  bytes_ = 0;
}

Status CreateSharedMemory(uint64_t bytes, Handle* handle, Mapping* mapping) {
  const int file = CreateMemoryFile();
  if (file < 0) return SystemError("cannot create shared memory (memfd_create)", errno);
  Handle created(file);
  const auto length = static_cast<off_t>(bytes);
  if (ftruncate(file, length) != 0) {
    return SystemError("cannot size shared memory (ftruncate)", errno);
  }
  // Without it too little memory shows as SIGBUS at some later write.
  if (const int os_error = Reserve(file, length); os_error != 0) {
    return SystemError("cannot reserve shared memory (fallocate)", os_error);
  }
  // Populated: the pages are there already, and a fault for each would cost eight times as much.
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file, 0);
  if (data == MAP_FAILED) return SystemError("cannot map shared memory (mmap)", errno);
  *mapping = Mapping(static_cast<std::byte*>(data), bytes);
  *handle = std::move(created);
  return {};
}

Status SealSharedMemory(const Handle& handle) {
  if (fcntl(static_cast<int>(handle.native()), F_ADD_SEALS, kSeals) != 0) {
    // F_SEAL_FUTURE_WRITE came with Linux 5.1.
    return Status::Error(StatusCode::kUnavailable, "cannot seal shared memory (F_ADD_SEALS)",
                         errno);
  }
  return {};
}

Status MapPeerMemory(const Handle& handle, uint64_t bytes_min, uint64_t bytes_max,
                     Mapping* mapping) {
  const int file = static_cast<int>(handle.native());
  // First, because what follows is stable only under the seals. Files that know no seals fail here.
  const int seals = fcntl(file, F_GET_SEALS);
  if (seals < 0) {
    return Status::Error(StatusCode::kCorrupt, "the peer's descriptor is no sealable memory",
                         errno);
  }
  if ((seals & kSeals) != kSeals || (seals & F_SEAL_WRITE) != 0) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory is not sealed as it must be");
  }
  // Not fstat: compiled against a new glibc it would ask users for 2.33, and Node itself runs
  // from 2.28 on.
  struct statx file_stat {};
  if (statx(file, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &file_stat) != 0) {
    return Status::Error(StatusCode::kUnavailable, "the peer's memory cannot be examined (statx)",
                         errno);
  }
  if (!S_ISREG(file_stat.stx_mode)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's descriptor is no memory");
  }
  const uint64_t bytes = file_stat.stx_size;
  if (bytes < bytes_min || bytes > bytes_max) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory is of a size no segment has");
  }
  // The seals forbid new holes, so this stays true.
  if (file_stat.stx_blocks * kBlockBytes < bytes) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory has holes");
  }
  void* data = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
  if (data == MAP_FAILED) {
    return Status::Error(StatusCode::kOutOfMemory, "cannot map the peer's memory (mmap)", errno);
  }
  *mapping = Mapping(static_cast<std::byte*>(data), bytes);
  return {};
}

}  // namespace shmwire::platform
