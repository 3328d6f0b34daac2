#include "platform/bell.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "platform/queued_handles.h"
#include "test/support.h"

TEST_SUITE_BEGIN("bell_test");

namespace shmwire::platform {
namespace {

int Native(const Handle& handle) { return static_cast<int>(handle.native()); }

struct Bell {
  Bell() { REQUIRE(MakeBell(&own, &given).ok()); }

  // How many rings its owner hears.
  size_t Hear() const {
    char rings[4096];
    size_t count = 0;
    for (ssize_t heard = 0; (heard = read(Native(own), rings, sizeof(rings))) > 0;) {
      count += static_cast<size_t>(heard);
    }
    return count;
  }

  Handle own;
  Handle given;
};

// One byte and one descriptor. Zero, or the error number.
int SendDescriptor(const Handle& socket, int flags) {
  const int descriptor = STDIN_FILENO;
  alignas(cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int))] = {};
  char byte = 0;
  iovec vector{&byte, 1};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  cmsghdr* part = CMSG_FIRSTHDR(&header);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(part), &descriptor, sizeof(int));
  return sendmsg(Native(socket), &header, flags | MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}

}  // namespace

TEST_CASE("each ring is heard, and no child inherits either end") {
  const Bell bell;
  CHECK(bell.Hear() == 0);
  CHECK(RingBell(bell.given).ok());
  CHECK(RingBell(bell.given).ok());
  CHECK(bell.Hear() == 2);
  CHECK((fcntl(Native(bell.own), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK((fcntl(Native(bell.given), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("a bell that nobody hears fills, and ringing it on neither blocks nor fails") {
  const Bell bell;
  // As a peer may have left it: whoever shares an end sets its flags.
  REQUIRE(fcntl(Native(bell.given), F_SETFL, 0) == 0);
  for (int ring = 0; ring < 10'000; ring++) REQUIRE(RingBell(bell.given).ok());
  const size_t heard = bell.Hear();
  CHECK(heard > 0);
  CHECK(heard < 10'000);
  CHECK(RingBell(bell.given).ok());
  CHECK(bell.Hear() == 1);
}

TEST_CASE("the bell of a gone owner is rung in vain, without a signal") {
  struct sigaction previous {};
  struct sigaction deadly {};
  deadly.sa_handler = SIG_DFL;
  sigaction(SIGPIPE, &deadly, &previous);
  Bell bell;
  bell.own.Close();
  CHECK(RingBell(bell.given).ok());
  sigaction(SIGPIPE, &previous, nullptr);
}

TEST_CASE("only a Unix stream socket that the peer created is a doorbell") {
  const Credentials self{CurrentProcessId(), CurrentUserId(), getegid()};
  const auto check = [&](const Handle& handle) { return CheckBell(handle, self).code(); };
  const Bell bell;
  CHECK(check(bell.given) == StatusCode::kOk);
  Credentials other = self;
  other.pid++;
  CHECK(CheckBell(bell.given, other).code() == StatusCode::kCorrupt);
  CHECK(check(Handle(open("/dev/null", O_WRONLY | O_CLOEXEC))) == StatusCode::kCorrupt);
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const Handle read_end(ends[0]);
  CHECK(check(Handle(ends[1])) == StatusCode::kCorrupt);
  CHECK(check(Handle(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))) == StatusCode::kCorrupt);
  CHECK(check(Handle(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0))) == StatusCode::kCorrupt);
  // Unconnected: nobody's.
  CHECK(check(Handle(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))) == StatusCode::kCorrupt);
  CHECK(check(Handle()) == StatusCode::kCorrupt);
}

TEST_CASE(
    "a bell whose queue holds descriptors is refused, and none can be added to one accepted") {
  const Credentials self{CurrentProcessId(), CurrentUserId(), getegid()};
  for (const int flags : {0, int{MSG_OOB}}) {
    const Bell bell;
    REQUIRE(SendDescriptor(bell.own, flags) == 0);
    CHECK(CheckBell(bell.given, self).code() == StatusCode::kCorrupt);
  }
  {
    // An out-of-band byte that was read leaves its descriptors in the queue.
    const Bell bell;
    REQUIRE(SendDescriptor(bell.own, MSG_OOB) == 0);
    char byte = 1;
    REQUIRE(recv(Native(bell.given), &byte, 1, MSG_OOB) == 1);
    CHECK(CheckBell(bell.given, self).code() == StatusCode::kCorrupt);
  }
  const Bell bell;
  REQUIRE(CheckBell(bell.given, self).ok());
  CHECK(SendDescriptor(bell.own, 0) == EPIPE);
  CHECK(RingBell(bell.given).ok());
  CHECK(bell.Hear() == 1);
}

TEST_CASE("an own bell refuses descriptors, and is refused when it holds some") {
  Bell bell;
  CHECK(RefuseHandles(&bell.own).ok());
  if (SendDescriptor(bell.given, 0) == 0) {
    MESSAGE("skipped: before Linux 6.16, a socket cannot refuse descriptors");
  } else {
    CHECK(SendDescriptor(bell.given, 0) == EPERM);
  }
  CHECK(RingBell(bell.given).ok());
  Bell late;
  REQUIRE(SendDescriptor(late.given, 0) == 0);
  CHECK(RefuseHandles(&late.own).code() == StatusCode::kCorrupt);
}

TEST_CASE("a socket of an event loop that holds descriptors is replaced by one that has hung up") {
  const size_t before = test::OpenDescriptorCount();
  {
    const Bell clean;
    CHECK(RefuseHandles(clean.own.native()).ok());
    CHECK(RingBell(clean.given).ok());
    CHECK(clean.Hear() == 1);
    const Bell bell;
    REQUIRE(SendDescriptor(bell.given, 0) == 0);
    const StatusCode code = RefuseHandles(bell.own.native()).code();
    if (SendDescriptor(clean.given, 0) == EPERM) {
      CHECK(code == StatusCode::kCorrupt);
      char byte = 1;
      CHECK(recv(Native(bell.own), &byte, 1, MSG_DONTWAIT) == 0);
    }
  }
  CHECK(test::OpenDescriptorCount() == before);
}

TEST_CASE("a bell that cannot be rung is an error: its owner sleeps on") {
  const Handle unconnected(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK(RingBell(unconnected).code() == StatusCode::kUnavailable);
}

}  // namespace shmwire::platform

TEST_SUITE_END();
