#pragma once

#include <atomic>
#include <string>
#include <thread>

namespace shmwire::hostile {

// A regular file of a FUSE file system that this process serves, and serves badly: it can be
// opened, and then nothing that anybody asks of it is answered, be it its size or a byte of it, or
// that it be flushed, which closing it does.
class FuseFile {
 public:
  FuseFile() = default;
  FuseFile(const FuseFile&) = delete;
  FuseFile& operator=(const FuseFile&) = delete;
  ~FuseFile() { Close(); }

  // Once. Mounts it over the file at `path`, and opens it. The descriptor, closed by Close, or the
  // negative error number: it takes a user that may mount.
  int Open(const std::string& path);
  // All that waits for an answer fails.
  void Close();

 private:
  void Serve();

  int device_ = -1;
  int file_ = -1;
  std::thread server_;
  std::atomic<bool> opened_{false};
  std::atomic<bool> over_{false};
};

}  // namespace shmwire::hostile
