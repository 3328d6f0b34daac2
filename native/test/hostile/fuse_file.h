#pragma once

#include <atomic>
#include <string>
#include <thread>

namespace shmwire::hostile {

// A regular file of a FUSE file system in this process. It can be opened, but every further request
// stays unanswered: for its size, for a byte, or for the flush when it is closed.
class FuseFile {
 public:
  FuseFile() = default;
  FuseFile(const FuseFile&) = delete;
  FuseFile& operator=(const FuseFile&) = delete;
  ~FuseFile() { Close(); }

  // Mounts it over the file at `path` and opens it, once. Returns a descriptor, which Close closes,
  // or the negative error number. Only some users may mount.
  int Open(const std::string& path);
  // Fails all pending requests.
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
