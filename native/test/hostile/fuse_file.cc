#include "test/hostile/fuse_file.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace shmwire::hostile {
namespace {

constexpr size_t kRequestBytesMax = 256 * 1024;
constexpr int kPollMillis = 10;
constexpr mode_t kMode = S_IFREG | 0644;

template <typename Reply>
void Answer(int device, const fuse_in_header& request, Reply reply) {
  fuse_out_header header{};
  header.len = sizeof(header) + sizeof(reply);
  header.unique = request.unique;
  const iovec parts[] = {{&header, sizeof(header)}, {&reply, sizeof(reply)}};
  static_cast<void>(writev(device, parts, 2));
}

fuse_init_out AgreeTo(const fuse_init_in& offer) {
  fuse_init_out agreed{};
  agreed.major = FUSE_KERNEL_VERSION;
  agreed.minor = std::min<uint32_t>(offer.minor, FUSE_KERNEL_MINOR_VERSION);
  agreed.max_write = 4096;
  return agreed;
}

fuse_attr_out Attributes() {
  fuse_attr_out out{};
  out.attr.ino = FUSE_ROOT_ID;
  out.attr.mode = kMode;
  out.attr.nlink = 1;
  out.attr.uid = getuid();
  out.attr.gid = getgid();
  return out;
}

}  // namespace

int FuseFile::Open(const std::string& path) {
  device_ = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (device_ < 0) return -errno;
  const std::string options = "fd=" + std::to_string(device_) +
                              ",rootmode=100644,user_id=" + std::to_string(getuid()) +
                              ",group_id=" + std::to_string(getgid());
  if (mount("hostile", path.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    return -errno;
  }
  server_ = std::thread([this] { Serve(); });
  file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const int os_error = errno;
  opened_ = true;
  umount2(path.c_str(), MNT_DETACH);
  return file_ < 0 ? -os_error : file_;
}

void FuseFile::Close() {
  over_ = true;
  if (server_.joinable()) server_.join();
  // The kernel then fails all unanswered requests.
  if (device_ >= 0) close(device_);
  if (file_ >= 0) close(file_);
  device_ = -1;
  file_ = -1;
}

void FuseFile::Serve() {
  std::vector<std::byte> request(kRequestBytesMax);
  pollfd ready{.fd = device_, .events = POLLIN, .revents = 0};
  while (!over_) {
    if (poll(&ready, 1, kPollMillis) <= 0) continue;
    const ssize_t bytes = read(device_, request.data(), request.size());
    if (bytes < static_cast<ssize_t>(sizeof(fuse_in_header))) {
      if (bytes < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT)) continue;
      return;
    }
    const auto* header = reinterpret_cast<const fuse_in_header*>(request.data());
    const void* body = request.data() + sizeof(*header);
    if (header->opcode == FUSE_INIT) {
      Answer(device_, *header, AgreeTo(*static_cast<const fuse_init_in*>(body)));
    } else if (!opened_ && header->opcode == FUSE_GETATTR) {
      Answer(device_, *header, Attributes());
    } else if (!opened_ && header->opcode == FUSE_OPEN) {
      Answer(device_, *header, fuse_open_out{});
    }
  }
}

}  // namespace shmwire::hostile
