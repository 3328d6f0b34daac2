#include "platform/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "platform/darwin/memory_object.h"
#include "platform/posix/memory_error.h"
#include "platform/process.h"

namespace shmwire::platform {
namespace {

// The kernel rounds a size up to whole pages: 16 KiB on arm64, 4 KiB on x64 and under Rosetta.
constexpr uint64_t kPageBytesMin = 4096;
constexpr uint64_t kPageBytesMax = 16384;

constexpr char kNamePrefix[] = "/shmw";
constexpr size_t kPrefixLength = sizeof(kNamePrefix) - 1;
// 128 bits in digits of 5.
constexpr size_t kDigits = 26;
constexpr size_t kNameLength = kPrefixLength + kDigits;
// PSHMNAMLEN of XNU.
static_assert(kNameLength <= 31);

class MemoryName {
 public:
  explicit MemoryName(const MemoryId& id) {
    constexpr char kAlphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    for (size_t at = 0; at < kPrefixLength; at++) text_[at] = kNamePrefix[at];
    for (size_t digit = 0; digit < kDigits; digit++) {
      // 13 digits for each half. The last one has the remaining 4 bits.
      const uint64_t half = id[digit / (kDigits / 2)];
      const uint64_t shift = digit % (kDigits / 2) * 5;
      text_[kPrefixLength + digit] = kAlphabet[(half >> shift) & 31U];
    }
  }
  [[nodiscard]] const char* text() const { return text_; }

 private:
  char text_[kNameLength + 1] = {};
};

// Opens a new object twice, and removes its name. A process that is killed in between leaves the
// name until the system restarts, but no memory: the object is still empty.
Status OpenObject(const MemoryId& id, Handle* writable, Handle* readable) {
  const MemoryName name(id);
  Handle created(shm_open(name.text(), O_RDWR | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR));
  if (!created.valid()) return MemoryError("cannot create shared memory (shm_open)", errno);
  Handle reopened(shm_open(name.text(), O_RDONLY));
  const int open_error = errno;
  const bool removed = shm_unlink(name.text()) == 0;
  if (!reopened.valid()) {
    return MemoryError("cannot open shared memory for reading (shm_open)", open_error);
  }
  // Another process that can read the name could open the memory for writing.
  if (!removed) return MemoryError("cannot remove the name of shared memory (shm_unlink)", errno);
  *writable = std::move(created);
  *readable = std::move(reopened);
  return {};
}

bool IsReadOnly(int descriptor) {
  const int flags = fcntl(descriptor, F_GETFL);
  return flags >= 0 && (flags & O_ACCMODE) == O_RDONLY;
}

// The size that `is_size` accepts and that the system rounds up to `rounded`. 0: there is none.
uint64_t SizeBeforeRounding(uint64_t rounded, bool (*is_size)(uint64_t bytes)) {
  for (uint64_t excess = 0; excess < kPageBytesMax && excess < rounded; excess += kPageBytesMin) {
    if (is_size(rounded - excess)) return rounded - excess;
  }
  return 0;
}

// The memory is anonymous: no access to it fails, and each first one allocates a page.
void WritePages(std::byte* data, uint64_t from, uint64_t to) {
  for (uint64_t at = from; at < to; at += kPageBytesMin) {
    *static_cast<volatile std::byte*>(data + at) = std::byte{0};
  }
}

// Now, instead of at later reads: pages that the peer has not written are allocated here.
void ReadPages(const std::byte* data, uint64_t from, uint64_t to) {
  for (uint64_t at = from; at < to; at += kPageBytesMin) {
    static_cast<void>(*static_cast<const volatile std::byte*>(data + at));
  }
}

}  // namespace

Status CreateSharedMemory(const MemoryId& /*id*/, uint64_t bytes, uint64_t first_bytes,
                          Handle* handle, Mapping* mapping) {
  // The peer knows the id, and could open the object while it has a name.
  MemoryId secret;
  if (Status status = FillRandom(secret.data(), sizeof(secret)); !status.ok()) return status;
  Handle writable;
  Handle readable;
  if (Status status = OpenObject(secret, &writable, &readable); !status.ok()) return status;
  const int object = static_cast<int>(writable.native());
  if (ftruncate(object, static_cast<off_t>(bytes)) != 0) {
    return MemoryError("cannot size shared memory (ftruncate)", errno);
  }
  void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, object, 0);
  if (mapped == MAP_FAILED) return MemoryError("cannot map shared memory (mmap)", errno);
  auto* data = static_cast<std::byte*>(mapped);
  WritePages(data, 0, first_bytes);
  *mapping = Mapping(data, bytes);
  // The only writable descriptor is closed on return.
  *handle = std::move(readable);
  return {};
}

bool CanAddPages() { return true; }

Status AddPages(const Mapping& mapping, uint64_t from, uint64_t to) {
  WritePages(mapping.data(), from, to);
  return {};
}

Status SealSharedMemory(const Handle& handle) {
  // The system resizes an object only once, and this descriptor allows no writable mapping.
  if (IsReadOnly(static_cast<int>(handle.native()))) return {};
  return Status::Error(StatusCode::kUnavailable,
                       "cannot seal shared memory: it is open for writing");
}

Status MapPeerMemory(const Handle& handle, bool (*is_size)(uint64_t bytes), uint64_t first_bytes,
                     Mapping* mapping) {
  const int object = static_cast<int>(handle.native());
  if (!IsMemoryObject(object)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's descriptor is not shared memory");
  }
  if (!IsReadOnly(object)) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory is open for writing");
  }
  struct stat object_stat {};
  if (fstat(object, &object_stat) != 0) {
    return Status::Error(StatusCode::kUnavailable, "cannot examine the peer's memory (fstat)",
                         errno);
  }
  const uint64_t bytes = SizeBeforeRounding(static_cast<uint64_t>(object_stat.st_size), is_size);
  if (bytes == 0) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory does not have a segment's size");
  }
  void* mapped = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, object, 0);
  if (mapped == MAP_FAILED) {
    return Status::Error(StatusCode::kOutOfMemory, "cannot map the peer's memory (mmap)", errno);
  }
  auto* data = static_cast<std::byte*>(mapped);
  ReadPages(data, 0, std::min(first_bytes, bytes));
  *mapping = Mapping(data, bytes);
  return {};
}

Status CheckPeerPages(const Mapping& mapping, uint64_t from) {
  ReadPages(mapping.data(), from, mapping.bytes());
  return {};
}

}  // namespace shmwire::platform
