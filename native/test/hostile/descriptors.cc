#include "test/hostile/descriptors.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "test/send_descriptors.h"

namespace shmwire::hostile {
namespace {

constexpr size_t kPayloadBytesMax = 256;
constexpr size_t kDescriptorsMax = 253;  // SCM_MAX_FD

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

}  // namespace

int MakeMemory(uint64_t bytes, int64_t reserved_from, bool sealable) {
  // The name of valid segments, so that tests that count mappings count these, too.
  const int file = memfd_create("shmwire", MFD_CLOEXEC | (sealable ? MFD_ALLOW_SEALING : 0));
  if (file < 0) return -1;
  const auto length = static_cast<off_t>(bytes);
  if (ftruncate(file, length) == 0 &&
      (reserved_from < 0 || length == 0 ||
       fallocate(file, FALLOC_FL_KEEP_SIZE, reserved_from, length) == 0)) {
    return file;
  }
  close(file);
  return -1;
}

int AddSeals(int descriptor, int seals) {
  return fcntl(descriptor, F_ADD_SEALS, seals) == 0 ? 0 : errno;
}

int PunchHole(int descriptor, uint64_t offset, uint64_t bytes) {
  constexpr int kMode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  const int result =
      fallocate(descriptor, kMode, static_cast<off_t>(offset), static_cast<off_t>(bytes));
  return result == 0 ? 0 : errno;
}

int RemovePages(void* start, uint64_t bytes) {
  return madvise(start, bytes, MADV_REMOVE) == 0 ? 0 : errno;
}

int Send(int socket, const std::string& path, const void* payload, size_t payload_bytes,
         const std::vector<int>& descriptors) {
  const sockaddr_un address = AddressOf(path);
  const int sender = path.empty() ? socket : ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (sender < 0) return errno;
  const int os_error = test::SendDescriptors(sender, descriptors, payload, payload_bytes, 0,
                                             path.empty() ? nullptr : &address);
  if (!path.empty()) close(sender);
  return os_error;
}

Received Receive(int socket) {
  Received received;
  received.payload.resize(kPayloadBytesMax);
  std::vector<unsigned char> control(CMSG_SPACE(kDescriptorsMax * sizeof(int)));
  iovec vector{received.payload.data(), received.payload.size()};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t bytes = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (bytes < 0) return {};
  received.any = true;
  received.payload.resize(static_cast<size_t>(bytes));
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    received.descriptors.resize((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    std::memcpy(received.descriptors.data(), CMSG_DATA(part),
                received.descriptors.size() * sizeof(int));
  }
  return received;
}

int BindHandoverSocket(const std::string& path) {
  const int handover_socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const sockaddr_un address = AddressOf(path);
  if (bind(handover_socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0)
    return handover_socket;
  close(handover_socket);
  return -1;
}

uint64_t WriteBytes(int socket, uint64_t count) {
  const std::vector<unsigned char> bytes(count, 0xff);
  const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent < 0 ? 0 : static_cast<uint64_t>(sent);
}

void SetBlocking(int descriptor, bool blocking) {
  const int flags = fcntl(descriptor, F_GETFL);
  fcntl(descriptor, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

}  // namespace shmwire::hostile
