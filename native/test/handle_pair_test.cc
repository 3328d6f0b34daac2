// The way back of a handover: MakeHandlePair, SendHandle, ReceiveHandle.

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include "platform/handle_inbox.h"
#include "test/support.h"

TEST_SUITE_BEGIN("handle_pair_test");

namespace shmwire::platform {
namespace {

using test::OpenDescriptorCount;

int Native(const Handle& handle) { return static_cast<int>(handle.native()); }

Handle OpenNull() {
  Handle handle(open("/dev/null", O_RDONLY | O_CLOEXEC));
  REQUIRE(handle.valid());
  return handle;
}

}  // namespace

TEST_CASE("an answer into a pair whose other end is closed is a gone peer, and no signal") {
  struct sigaction previous {};
  struct sigaction deadly {};
  deadly.sa_handler = SIG_DFL;
  sigaction(SIGPIPE, &deadly, &previous);
  const Handle null = OpenNull();
  Handle kept;
  Handle given;
  REQUIRE(MakeHandlePair(&kept, &given).ok());
  kept.Close();
  CHECK(SendHandle(given, null).code() == StatusCode::kPeerGone);
  sigaction(SIGPIPE, &previous, nullptr);
}

TEST_CASE("an answer into something that is no pair is a violation, and never blocks") {
  const Handle null = OpenNull();
  CHECK(SendHandle(null, null).code() == StatusCode::kCorrupt);
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const Handle read_end(ends[0]);
  const Handle write_end(ends[1]);
  CHECK(SendHandle(write_end, null).code() == StatusCode::kCorrupt);
  const Handle internet(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  CHECK(SendHandle(internet, null).code() == StatusCode::kCorrupt);
  const Handle unconnected(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK(SendHandle(unconnected, null).code() == StatusCode::kCorrupt);
  // A blocking socket with a full queue.
  int sockets[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0);
  const Handle receiver(sockets[0]);
  const Handle sender(sockets[1]);
  while (send(Native(sender), "x", 1, MSG_DONTWAIT) == 1) {
  }
  CHECK(SendHandle(sender, null).code() == StatusCode::kCorrupt);
}

TEST_CASE("an answer that is not one handle is a violation, and closed") {
  const Handle null = OpenNull();
  Handle kept;
  Handle given;
  REQUIRE(MakeHandlePair(&kept, &given).ok());
  Handle memory;
  CHECK(ReceiveHandle(kept, &memory).code() == StatusCode::kCorrupt);  // nothing there

  REQUIRE(send(Native(given), "x", 1, 0) == 1);
  CHECK(ReceiveHandle(kept, &memory).code() == StatusCode::kCorrupt);  // no descriptor

  REQUIRE(SendHandle(given, null).ok());
  REQUIRE(SendHandle(given, null).ok());
  const size_t before = OpenDescriptorCount();
  REQUIRE(ReceiveHandle(kept, &memory).ok());
  memory.Close();
  CHECK(OpenDescriptorCount() == before);

  for (const size_t count : {size_t{2}, size_t{100}}) {
    std::vector<int> descriptors(count, Native(null));
    std::vector<unsigned char> control(CMSG_SPACE(count * sizeof(int)));
    char byte = 0;
    iovec vector{&byte, 1};
    msghdr header{};
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(count * sizeof(int));
    std::memcpy(CMSG_DATA(part), descriptors.data(), count * sizeof(int));
    REQUIRE(sendmsg(Native(given), &header, 0) == 1);
    REQUIRE(ReceiveHandle(kept, &memory).ok());  // the second answer from above comes first
    memory.Close();
    CHECK(ReceiveHandle(kept, &memory).code() == StatusCode::kCorrupt);
    CHECK(OpenDescriptorCount() == before);
    REQUIRE(SendHandle(given, null).ok());
  }
  Handle last;
  REQUIRE(ReceiveHandle(kept, &last).ok());
  given.Close();
  CHECK(ReceiveHandle(kept, &memory).code() == StatusCode::kPeerGone);
}

}  // namespace shmwire::platform

TEST_SUITE_END();
