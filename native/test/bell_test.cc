#include "platform/bell.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

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

TEST_CASE("a bell that cannot be rung is an error: its owner sleeps on") {
  const Handle unconnected(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK(RingBell(unconnected).code() == StatusCode::kUnavailable);
}

}  // namespace shmwire::platform

TEST_SUITE_END();
