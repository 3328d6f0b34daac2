#include "platform/process.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "test/support.h"

TEST_SUITE_BEGIN("process_test");

namespace shmwire::platform {

TEST_CASE("reports the id, user and start time of the process") {
  CHECK(CurrentProcessId() == static_cast<uint32_t>(getpid()));
  CHECK(CurrentUserId() == geteuid());
  CHECK(CurrentProcessStartTime() > 0);
}

TEST_CASE("reports the process at the other end of a Unix socket") {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  const Handle first(ends[0]);
  const Handle second(ends[1]);
  Credentials peer;
  REQUIRE(PeerCredentials(first.native(), &peer).ok());
  CHECK(peer == Credentials{static_cast<uint32_t>(getpid()), geteuid(), getegid()});
}

TEST_CASE("identifies a process by its pid, or without a pid by user and group") {
  CHECK(NameSameProcess({5, 1, 2}, {5, 1, 2}));
  CHECK(NameSameProcess({5, 1, 2}, {5, 3, 4}));
  CHECK_FALSE(NameSameProcess({5, 1, 2}, {6, 1, 2}));
  CHECK_FALSE(NameSameProcess({0, 1, 2}, {6, 1, 2}));
  CHECK_FALSE(NameSameProcess({6, 1, 2}, {0, 1, 2}));
  CHECK(NameSameProcess({0, 1, 2}, {0, 1, 2}));
  CHECK_FALSE(NameSameProcess({0, 1, 2}, {0, 3, 2}));
  CHECK_FALSE(NameSameProcess({0, 1, 2}, {0, 1, 3}));
}

TEST_CASE("rejects a socket without a peer") {
  Credentials peer;
  const Handle unconnected(socket(AF_UNIX, SOCK_STREAM, 0));
  CHECK(PeerCredentials(unconnected.native(), &peer).code() == StatusCode::kInvalidArgument);
  const Handle internet(socket(AF_INET, SOCK_STREAM, 0));
  CHECK(PeerCredentials(internet.native(), &peer).code() == StatusCode::kInvalidArgument);
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const Handle read_end(ends[0]);
  const Handle write_end(ends[1]);
  CHECK(PeerCredentials(read_end.native(), &peer).code() == StatusCode::kInvalidArgument);
  CHECK(PeerCredentials(-1, &peer).code() == StatusCode::kInvalidArgument);
}

TEST_CASE("fills buffers with different random bytes") {
  uint64_t first = 0;
  uint64_t second = 0;
  REQUIRE(FillRandom(&first, sizeof(first)).ok());
  REQUIRE(FillRandom(&second, sizeof(second)).ok());
  CHECK(first != second);
}

TEST_CASE("never moves the clock back") {
  uint64_t before = MonotonicNanos();
  for (int count = 0; count < 1000; count++) {
    const uint64_t now = MonotonicNanos();
    REQUIRE(now >= before);
    before = now;
    YieldCpu();
  }
}

TEST_CASE("measures a system call") {
  CHECK(SystemCallNanos() > 0);
  CHECK(SystemCallNanos() < 1'000'000'000);
}

TEST_CASE("returns a text for an error number") {
  char buffer[128];
  CHECK(std::string(OsErrorText(ENOENT, buffer, sizeof(buffer))) == "No such file or directory");
}

}  // namespace shmwire::platform

TEST_SUITE_END();
