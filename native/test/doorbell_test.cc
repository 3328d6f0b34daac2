#include "platform/doorbell.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "platform/queued_handles.h"
#include "test/deadly_sigpipe.h"
#include "test/send_descriptors.h"
#include "test/support.h"

TEST_SUITE_BEGIN("doorbell_test");

namespace shmwire::platform {
namespace {

int Native(const Handle& handle) { return static_cast<int>(handle.native()); }

struct Doorbell {
  Doorbell() { REQUIRE(MakeDoorbell(&own, &peer_end).ok()); }

  // Reads the queued wake-ups and returns their number.
  size_t TakeWakeUps() const {
    char bytes[4096];
    size_t count = 0;
    for (ssize_t taken = 0; (taken = read(Native(own), bytes, sizeof(bytes))) > 0;) {
      count += static_cast<size_t>(taken);
    }
    return count;
  }

  Handle own;
  Handle peer_end;
};

// Sends one byte and one descriptor. Returns 0 or the error number.
int SendDescriptor(const Handle& socket, int flags) {
  return test::SendDescriptors(socket, {STDIN_FILENO}, flags);
}

}  // namespace

TEST_CASE("delivers each wake-up, and lets no child inherit either end") {
  const Doorbell doorbell;
  CHECK(doorbell.TakeWakeUps() == 0);
  CHECK(WakeThroughDoorbell(doorbell.peer_end).ok());
  CHECK(WakeThroughDoorbell(doorbell.peer_end).ok());
  CHECK(doorbell.TakeWakeUps() == 2);
  CHECK((fcntl(Native(doorbell.own), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK((fcntl(Native(doorbell.peer_end), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("neither blocks nor fails when the doorbell is full") {
  const Doorbell doorbell;
  // A peer that shares an end may set its flags.
  REQUIRE(fcntl(Native(doorbell.peer_end), F_SETFL, 0) == 0);
  for (int count = 0; count < 10'000; count++) REQUIRE(WakeThroughDoorbell(doorbell.peer_end).ok());
  const size_t taken = doorbell.TakeWakeUps();
  CHECK(taken > 0);
  CHECK(taken < 10'000);
  CHECK(WakeThroughDoorbell(doorbell.peer_end).ok());
  CHECK(doorbell.TakeWakeUps() == 1);
}

TEST_CASE("succeeds without a signal when the owner has closed the doorbell") {
  const test::DeadlySigpipe deadly;
  Doorbell doorbell;
  doorbell.own.Close();
  CHECK(WakeThroughDoorbell(doorbell.peer_end).ok());
}

TEST_CASE("accepts only a Unix stream socket that the peer created") {
  const Credentials self{CurrentProcessId(), CurrentUserId(), getegid()};
  const auto check = [&](const Handle& handle) { return CheckDoorbell(handle, self).code(); };
  const Doorbell doorbell;
  CHECK(check(doorbell.peer_end) == StatusCode::kOk);
  Credentials other = self;
  other.pid++;
  CHECK(CheckDoorbell(doorbell.peer_end, other).code() == StatusCode::kCorrupt);
  CHECK(check(Handle(open("/dev/null", O_WRONLY | O_CLOEXEC))) == StatusCode::kCorrupt);
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const Handle read_end(ends[0]);
  CHECK(check(Handle(ends[1])) == StatusCode::kCorrupt);
  CHECK(check(Handle(socket(AF_INET, SOCK_STREAM, 0))) == StatusCode::kCorrupt);
  CHECK(check(Handle(socket(AF_UNIX, SOCK_DGRAM, 0))) == StatusCode::kCorrupt);
  // Unconnected: it has no peer.
  CHECK(check(Handle(socket(AF_UNIX, SOCK_STREAM, 0))) == StatusCode::kCorrupt);
  CHECK(check(Handle()) == StatusCode::kCorrupt);
}

TEST_CASE(
    "rejects a doorbell that holds descriptors, and stops an accepted one from receiving any") {
  const Credentials self{CurrentProcessId(), CurrentUserId(), getegid()};
  for (const int flags : {0, int{MSG_OOB}}) {
    const Doorbell doorbell;
    REQUIRE(SendDescriptor(doorbell.own, flags) == 0);
    CHECK(CheckDoorbell(doorbell.peer_end, self).code() == StatusCode::kCorrupt);
  }
  {
    // After an out-of-band byte was read, its descriptors stay in the queue.
    const Doorbell doorbell;
    REQUIRE(SendDescriptor(doorbell.own, MSG_OOB) == 0);
    char byte = 1;
    REQUIRE(recv(Native(doorbell.peer_end), &byte, 1, MSG_OOB) == 1);
    CHECK(CheckDoorbell(doorbell.peer_end, self).code() == StatusCode::kCorrupt);
  }
  const Doorbell doorbell;
  REQUIRE(CheckDoorbell(doorbell.peer_end, self).ok());
  CHECK(SendDescriptor(doorbell.own, 0) == EPIPE);
  CHECK(WakeThroughDoorbell(doorbell.peer_end).ok());
  CHECK(doorbell.TakeWakeUps() == 1);
}

TEST_CASE("refuses descriptors at the own doorbell, and rejects it when it holds some") {
  Doorbell doorbell;
  CHECK(RefuseHandles(&doorbell.own).ok());
  if (SendDescriptor(doorbell.peer_end, 0) == 0) {
    MESSAGE("skipped: before Linux 6.16, a socket cannot refuse descriptors");
  } else {
    CHECK(SendDescriptor(doorbell.peer_end, 0) == EPERM);
  }
  CHECK(WakeThroughDoorbell(doorbell.peer_end).ok());
  Doorbell late;
  REQUIRE(SendDescriptor(late.peer_end, 0) == 0);
  CHECK(RefuseHandles(&late.own).code() == StatusCode::kCorrupt);
}

TEST_CASE("replaces a socket that holds descriptors by one that has hung up") {
  const size_t before = test::OpenDescriptorCount();
  {
    const Doorbell clean;
    CHECK(RefuseHandles(clean.own.native()).ok());
    CHECK(WakeThroughDoorbell(clean.peer_end).ok());
    CHECK(clean.TakeWakeUps() == 1);
    const Doorbell doorbell;
    REQUIRE(SendDescriptor(doorbell.peer_end, 0) == 0);
    const StatusCode code = RefuseHandles(doorbell.own.native()).code();
    if (SendDescriptor(clean.peer_end, 0) == EPERM) {
      CHECK(code == StatusCode::kCorrupt);
      char byte = 1;
      CHECK(recv(Native(doorbell.own), &byte, 1, MSG_DONTWAIT) == 0);
    }
  }
  CHECK(test::OpenDescriptorCount() == before);
}

TEST_CASE("reports a doorbell that cannot wake its owner") {
  const Handle unconnected(socket(AF_UNIX, SOCK_STREAM, 0));
  CHECK(WakeThroughDoorbell(unconnected).code() == StatusCode::kUnavailable);
}

}  // namespace shmwire::platform

TEST_SUITE_END();
