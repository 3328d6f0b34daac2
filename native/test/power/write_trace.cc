// Records what a process does with the files of one folder: writes with their data, changes of
// lengths and names, and syncs. scripts/power/ replays the record as a disk that loses its power.
// For LD_PRELOAD, with SHMWIRE_TRACE (the file of the record) and SHMWIRE_TRACE_FOLDER (an absolute
// path without links). With SHMWIRE_TRACE_SYNCS, all syncs after so many fail with EIO.
// scripts/power/record.mjs compiles it.
//
// A record is appended after its system call has returned, and before the caller continues: a sync
// is in the record only when it has completed.

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

namespace {

constexpr int kDescriptorsMax = 1024;
constexpr uint32_t kNotRecorded = 0;
constexpr uint32_t kFolder = UINT32_MAX;
constexpr int kDecimal = 10;
constexpr mode_t kTraceMode = 0600;

// scripts/power/trace.mjs knows these numbers.
enum class Action : uint32_t {
  kCreate = 1,
  kWrite = 2,
  kTruncate = 3,
  kSync = 4,
  kRemove = 5,
};

struct Header {
  Action action;
  uint32_t file;
  uint64_t position;
  uint64_t bytes;
};

struct Trace {
  std::mutex mutex;
  std::string folder;
  int descriptor = -1;
  int64_t syncs_left = INT64_MAX;
  // Each file that was created has a number of its own, also under a name that was used before.
  uint32_t files = 0;
  std::map<std::string, uint32_t> names;
  uint32_t open[kDescriptorsMax] = {};
};

const char* Setting(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no thread changes the environment of these processes.
  return getenv(name);
}

Trace* NewTrace() {
  auto* trace = new Trace;
  const char* folder = Setting("SHMWIRE_TRACE_FOLDER");
  const char* path = Setting("SHMWIRE_TRACE");
  if (folder == nullptr || path == nullptr) return trace;
  trace->folder = folder;
  const char* syncs = Setting("SHMWIRE_TRACE_SYNCS");
  if (syncs != nullptr) trace->syncs_left = strtoll(syncs, nullptr, kDecimal);
  trace->descriptor = static_cast<int>(
      syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kTraceMode));
  return trace;
}

// Never destroyed: other threads may write until the process ends.
Trace& TheTrace() {
  static Trace* const kTrace = NewTrace();
  return *kTrace;
}

void WriteAll(int descriptor, const void* data, size_t bytes) {
  const auto* rest = static_cast<const char*>(data);
  while (bytes > 0) {
    const auto written = syscall(SYS_write, descriptor, rest, bytes);
    if (written <= 0) abort();
    rest += written;
    bytes -= static_cast<size_t>(written);
  }
}

void Append(Trace& trace, Action action, uint32_t file, uint64_t position, const void* data,
            uint64_t bytes) {
  const Header header{action, file, position, bytes};
  WriteAll(trace.descriptor, &header, sizeof header);
  WriteAll(trace.descriptor, data, bytes);
}

// The name of a file of the folder, "." for the folder itself, or an empty text.
std::string NameOf(const Trace& trace, const char* path) {
  const size_t length = trace.folder.size();
  if (trace.descriptor < 0 || strncmp(path, trace.folder.c_str(), length) != 0) return {};
  if (path[length] == '\0') return ".";
  if (path[length] != '/') return {};
  const std::string name(path + length + 1);
  return name.find('/') == std::string::npos ? name : std::string();
}

uint32_t RecordedFile(int descriptor) {
  Trace& trace = TheTrace();
  if (descriptor < 0 || descriptor >= kDescriptorsMax) return kNotRecorded;
  const std::lock_guard<std::mutex> lock(trace.mutex);
  return trace.open[descriptor];
}

void RecordOpen(const std::string& name, int descriptor, int flags) {
  Trace& trace = TheTrace();
  if (descriptor >= kDescriptorsMax) abort();
  const std::lock_guard<std::mutex> lock(trace.mutex);
  if (name == ".") {
    trace.open[descriptor] = kFolder;
    return;
  }
  auto found = trace.names.find(name);
  if (found == trace.names.end()) {
    found = trace.names.emplace(name, ++trace.files).first;
    Append(trace, Action::kCreate, found->second, 0, name.data(), name.size());
  } else if ((flags & O_TRUNC) != 0) {
    Append(trace, Action::kTruncate, found->second, 0, nullptr, 0);
  }
  trace.open[descriptor] = found->second;
}

int Open(int folder, const char* path, int flags, mode_t mode) {
  const auto descriptor = static_cast<int>(syscall(SYS_openat, folder, path, flags, mode));
  if (descriptor < 0) return descriptor;
  const std::string name = NameOf(TheTrace(), path);
  if (!name.empty()) RecordOpen(name, descriptor, flags);
  return descriptor;
}

void RecordWrite(uint32_t file, int64_t position, const void* data, int64_t bytes) {
  if (bytes <= 0) return;
  Trace& trace = TheTrace();
  const std::lock_guard<std::mutex> lock(trace.mutex);
  Append(trace, Action::kWrite, file, static_cast<uint64_t>(position), data,
         static_cast<uint64_t>(bytes));
}

ssize_t WriteAt(int descriptor, const void* data, size_t bytes, off64_t position) {
  const ssize_t written = syscall(SYS_pwrite64, descriptor, data, bytes, position);
  const uint32_t file = RecordedFile(descriptor);
  if (file != kNotRecorded) RecordWrite(file, position, data, written);
  return written;
}

int Truncate(int descriptor, off64_t bytes) {
  const auto result = static_cast<int>(syscall(SYS_ftruncate, descriptor, bytes));
  const uint32_t file = RecordedFile(descriptor);
  if (result != 0 || file == kNotRecorded) return result;
  Trace& trace = TheTrace();
  const std::lock_guard<std::mutex> lock(trace.mutex);
  Append(trace, Action::kTruncate, file, static_cast<uint64_t>(bytes), nullptr, 0);
  return result;
}

// The disk of the test does not matter: the record says what would be on it.
int Sync(long call, int descriptor) {
  const uint32_t file = RecordedFile(descriptor);
  if (file == kNotRecorded) return static_cast<int>(syscall(call, descriptor));
  Trace& trace = TheTrace();
  const std::lock_guard<std::mutex> lock(trace.mutex);
  if (trace.syncs_left <= 0) {
    errno = EIO;
    return -1;
  }
  trace.syncs_left -= 1;
  Append(trace, Action::kSync, file, 0, nullptr, 0);
  return 0;
}

mode_t ModeOf(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return Open(AT_FDCWD, path, flags, mode);
}

EXPORT int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return Open(AT_FDCWD, path, flags, mode);
}

EXPORT int close(int descriptor) {
  if (descriptor >= 0 && descriptor < kDescriptorsMax) {
    Trace& trace = TheTrace();
    const std::lock_guard<std::mutex> lock(trace.mutex);
    trace.open[descriptor] = kNotRecorded;
  }
  return static_cast<int>(syscall(SYS_close, descriptor));
}

EXPORT ssize_t write(int descriptor, const void* data, size_t bytes) {
  const uint32_t file = RecordedFile(descriptor);
  if (file == kNotRecorded) return syscall(SYS_write, descriptor, data, bytes);
  const ssize_t written = syscall(SYS_write, descriptor, data, bytes);
  const int64_t end = syscall(SYS_lseek, descriptor, 0, SEEK_CUR);
  RecordWrite(file, end - written, data, written);
  return written;
}

EXPORT ssize_t pwrite(int descriptor, const void* data, size_t bytes, off_t position) {
  return WriteAt(descriptor, data, bytes, position);
}

EXPORT ssize_t pwrite64(int descriptor, const void* data, size_t bytes, off64_t position) {
  return WriteAt(descriptor, data, bytes, position);
}

EXPORT int ftruncate(int descriptor, off_t bytes) noexcept { return Truncate(descriptor, bytes); }

EXPORT int ftruncate64(int descriptor, off64_t bytes) noexcept {
  return Truncate(descriptor, bytes);
}

EXPORT int fsync(int descriptor) { return Sync(SYS_fsync, descriptor); }

EXPORT int fdatasync(int descriptor) { return Sync(SYS_fdatasync, descriptor); }

EXPORT int unlink(const char* path) noexcept {
  const auto result = static_cast<int>(syscall(SYS_unlinkat, AT_FDCWD, path, 0));
  Trace& trace = TheTrace();
  const std::string name = NameOf(trace, path);
  if (result != 0 || name.empty()) return result;
  const std::lock_guard<std::mutex> lock(trace.mutex);
  trace.names.erase(name);
  Append(trace, Action::kRemove, 0, 0, name.data(), name.size());
  return result;
}

// Nothing renames these files; a record without it would be wrong.
EXPORT int rename(const char* from, const char* to) noexcept {
  Trace& trace = TheTrace();
  if (!NameOf(trace, from).empty() || !NameOf(trace, to).empty()) abort();
  return static_cast<int>(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
