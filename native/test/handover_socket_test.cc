#include "platform/handover_socket.h"
#include "platform/doorbell.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "test/send_descriptors.h"
#include "test/support.h"

TEST_SUITE_BEGIN("handover_socket_test");

namespace shmwire::platform {
namespace {

using test::OpenDescriptorCount;
using test::TemporaryPath;

Token MakeToken(uint8_t first) {
  Token token{};
  token[0] = first;
  token[15] = 0xEE;
  return token;
}

int Native(const Handle& handle) { return static_cast<int>(handle.native()); }

// Sends a datagram as any process could. Returns 0 or the error number.
int SendRaw(const char* path, const void* payload, size_t payload_bytes, size_t descriptor_count,
            const Handle& handle = test::MakeMemory()) {
  const std::vector<int> descriptors(descriptor_count, Native(handle));
  return test::SendDatagram(path, descriptors, payload, payload_bytes);
}

int SendRaw(const char* path, const Token& token, size_t descriptor_count) {
  return SendRaw(path, token.data(), token.size(), descriptor_count);
}

struct Bound {
  Bound() { REQUIRE(handover_socket.Bind(path.c_str()).ok()); }
  Status Drain() {
    bool rested = false;
    return handover_socket.Drain(&rested);
  }
  TemporaryPath path{"handover"};
  HandoverSocket handover_socket;
};

}  // namespace

TEST_CASE("receives two handles, a token and the sender") {
  Bound bound;
  const Token token = MakeToken(1);
  REQUIRE(bound.handover_socket.Expect(token, nullptr).ok());
  const Handle memory_file = test::MakeMemory();
  Handle own;
  Handle peer_end;
  REQUIRE(MakeDoorbell(&own, &peer_end).ok());
  bool full = true;
  REQUIRE(SendToHandoverSocket(bound.path.c_str(), token, memory_file, peer_end, &full).ok());
  CHECK_FALSE(full);
  peer_end.Close();

  Handover handover;
  REQUIRE(bound.handover_socket.Take(token, &handover).ok());
  CHECK(handover.sender == Credentials{static_cast<uint32_t>(getpid()), geteuid(), getegid()});
  CHECK((fcntl(Native(handover.memory), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK((fcntl(Native(handover.doorbell), F_GETFD) & FD_CLOEXEC) != 0);
  struct stat sent {};
  struct stat received {};
  REQUIRE(fstat(Native(memory_file), &sent) == 0);
  REQUIRE(fstat(Native(handover.memory), &received) == 0);
  CHECK(sent.st_ino == received.st_ino);

  Handle server_own;
  Handle server_peer_end;
  REQUIRE(MakeDoorbell(&server_own, &server_peer_end).ok());
  REQUIRE(SendHandles(handover.doorbell, memory_file, server_peer_end).ok());
  Handle memory;
  Handle peer_doorbell;
  REQUIRE(ReceiveHandles(own, nullptr, &memory, &peer_doorbell).ok());
  CHECK(memory.valid());
  REQUIRE(WakeThroughDoorbell(peer_doorbell).ok());
  char ring = 1;
  CHECK(recv(Native(server_own), &ring, 1, 0) == 1);
}

TEST_CASE("takes a token once") {
  Bound bound;
  const Token token = MakeToken(1);
  Handover handover;
  CHECK(bound.handover_socket.Take(token, &handover).code() == StatusCode::kInvalidArgument);
  REQUIRE(bound.handover_socket.Expect(token, nullptr).ok());
  CHECK(bound.handover_socket.Expect(token, nullptr).code() == StatusCode::kInvalidArgument);
  CHECK(bound.handover_socket.Take(token, &handover).code() == StatusCode::kCorrupt);
  CHECK(bound.handover_socket.Take(token, &handover).code() == StatusCode::kInvalidArgument);
}

TEST_CASE("drops and closes everything but a token with two handles") {
  Bound bound;
  const Handle null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const size_t before = OpenDescriptorCount();
  const Token token = MakeToken(1);
  const Token unknown = MakeToken(2);
  unsigned char longer[17] = {};
  std::memcpy(longer, token.data(), token.size());
  const std::function<int()> sends[] = {
      [&] { return SendRaw(bound.path.c_str(), unknown, 2); },
      [&] { return SendRaw(bound.path.c_str(), longer, 17, 2); },
      [&] { return SendRaw(bound.path.c_str(), longer, 15, 2); },
      [&] { return SendRaw(bound.path.c_str(), longer, 0, 2); },
      [&] { return SendRaw(bound.path.c_str(), token, 0); },
      [&] { return SendRaw(bound.path.c_str(), token, 1); },
      [&] { return SendRaw(bound.path.c_str(), token, 3); },
      [&] { return SendRaw(bound.path.c_str(), token, 102); },
      [&] { return SendRaw(bound.path.c_str(), token, 253); },
      [&] { return SendRaw(bound.path.c_str(), token.data(), token.size(), 2, null); },
      [&] { return SendRaw(bound.path.c_str(), token.data(), token.size(), 253, null); },
  };
  for (const auto& send : sends) {
    REQUIRE(bound.handover_socket.Expect(token, nullptr).ok());
    REQUIRE(send() == 0);
    Handover handover;
    CHECK(bound.handover_socket.Take(token, &handover).code() == StatusCode::kCorrupt);
    CHECK_FALSE(handover.memory.valid());
    CHECK(OpenDescriptorCount() == before);
  }
}

TEST_CASE("accepts a valid handover after dropped ones") {
  Bound bound;
  const Token token = MakeToken(1);
  REQUIRE(bound.handover_socket.Expect(token, nullptr).ok());
  REQUIRE(SendRaw(bound.path.c_str(), token, 3) == 0);
  REQUIRE(SendRaw(bound.path.c_str(), token, 2) == 0);
  Handover handover;
  CHECK(bound.handover_socket.Take(token, &handover).ok());
}

TEST_CASE("keeps the first handover of a token, and closes a second one") {
  Bound bound;
  const size_t before = OpenDescriptorCount();
  const Token token = MakeToken(1);
  REQUIRE(bound.handover_socket.Expect(token, nullptr).ok());
  REQUIRE(SendRaw(bound.path.c_str(), token, 2) == 0);
  REQUIRE(SendRaw(bound.path.c_str(), token, 2) == 0);
  REQUIRE(bound.Drain().ok());
  CHECK(OpenDescriptorCount() == before + 2);
  Handover handover;
  CHECK(bound.handover_socket.Take(token, &handover).ok());
}

TEST_CASE("accepts only the expected sender") {
  Bound bound;
  const Credentials own = {static_cast<uint32_t>(getpid()), getuid(), getgid()};
  for (int field = 0; field < 4; field++) {
    CAPTURE(field);
    Credentials expected = own;
    if (field == 1) expected.pid++;
    if (field == 2) expected.uid++;
    if (field == 3) expected.gid++;
    const Token token = MakeToken(1);
    REQUIRE(bound.handover_socket.Expect(token, &expected).ok());
    REQUIRE(SendRaw(bound.path.c_str(), token, 2) == 0);
    Handover handover;
    // Another user with the same pid has changed its user. Another process is a violation.
    const StatusCode outcomes[] = {StatusCode::kOk, StatusCode::kCorrupt, StatusCode::kUnavailable,
                                   StatusCode::kUnavailable};
    CHECK(bound.handover_socket.Take(token, &handover).code() == outcomes[field]);
  }
}

TEST_CASE("keeps each handover for its own token") {
  Bound bound;
  for (uint8_t index = 0; index < 5; index++) {
    REQUIRE(bound.handover_socket.Expect(MakeToken(index), nullptr).ok());
  }
  for (uint8_t index = 5; index-- > 0;) {
    REQUIRE(SendRaw(bound.path.c_str(), MakeToken(index), 2) == 0);
  }
  for (uint8_t index = 0; index < 5; index++) {
    Handover handover;
    CHECK(bound.handover_socket.Take(MakeToken(index), &handover).ok());
  }
}

TEST_CASE("closes the handles of a discarded token, before and after they arrive") {
  Bound bound;
  const size_t before = OpenDescriptorCount();
  const Token token = MakeToken(1);
  REQUIRE(bound.handover_socket.Expect(token, nullptr).ok());
  REQUIRE(SendRaw(bound.path.c_str(), token, 2) == 0);
  REQUIRE(bound.Drain().ok());
  CHECK(OpenDescriptorCount() == before + 2);
  bound.handover_socket.Discard(token);
  bound.handover_socket.Discard(token);
  CHECK(OpenDescriptorCount() == before);
  REQUIRE(bound.handover_socket.Expect(token, nullptr).ok());
  REQUIRE(SendRaw(bound.path.c_str(), token, 2) == 0);
  bound.handover_socket.Discard(token);
  REQUIRE(bound.Drain().ok());
  CHECK(OpenDescriptorCount() == before);
}

TEST_CASE("limits the number of handshakes in progress") {
  Bound bound;
  Token token{};
  for (size_t index = 0; index < HandoverSocket::kExpectedMax; index++) {
    token[0] = static_cast<uint8_t>(index);
    token[1] = static_cast<uint8_t>(index >> 8);
    REQUIRE(bound.handover_socket.Expect(token, nullptr).ok());
  }
  const Token surplus = MakeToken(7);
  CHECK(bound.handover_socket.Expect(surplus, nullptr).code() == StatusCode::kOutOfMemory);
  bound.handover_socket.Discard(token);
  CHECK(bound.handover_socket.Expect(surplus, nullptr).ok());
}

TEST_CASE("reports a full queue without blocking, and accepts more once it is drained") {
  Bound bound;
  const Handle memory_file = test::MakeMemory();
  Handle own;
  Handle peer_end;
  REQUIRE(MakeDoorbell(&own, &peer_end).ok());
  const Token token = MakeToken(1);
  bool full = false;
  int sent = 0;
  while (!full && sent < 100000) {
    REQUIRE(SendToHandoverSocket(bound.path.c_str(), token, memory_file, peer_end, &full).ok());
    sent++;
  }
  REQUIRE(full);
  CHECK(sent > 1);
  REQUIRE(bound.Drain().ok());
  REQUIRE(SendToHandoverSocket(bound.path.c_str(), token, memory_file, peer_end, &full).ok());
  CHECK_FALSE(full);
}

TEST_CASE("reports that no descriptors are left as out of memory, and leaks none") {
  Bound bound;
  const Token token = MakeToken(1);
  REQUIRE(bound.handover_socket.Expect(token, nullptr).ok());
  REQUIRE(SendRaw(bound.path.c_str(), token, 2) == 0);
  const size_t before = OpenDescriptorCount();
  // One of the two handles fits.
  const int lowest = dup(0);
  close(lowest);
  rlimit limit{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  rlimit tight = limit;
  tight.rlim_cur = static_cast<rlim_t>(lowest) + 1;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &tight) == 0);
  Handover handover;
  const Status status = bound.handover_socket.Take(token, &handover);
  REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(status.code() == StatusCode::kOutOfMemory);
  CHECK(OpenDescriptorCount() == before);
}

TEST_CASE("holds nothing and does nothing after a close") {
  Bound bound;
  const Token token = MakeToken(1);
  REQUIRE(bound.handover_socket.Expect(token, nullptr).ok());
  REQUIRE(SendRaw(bound.path.c_str(), token, 2) == 0);
  REQUIRE(bound.Drain().ok());
  const size_t before = OpenDescriptorCount();
  bound.handover_socket.Close();
  bound.handover_socket.Close();
  CHECK(OpenDescriptorCount() == before - 3);
  Handover handover;
  CHECK(bound.Drain().code() == StatusCode::kClosed);
  CHECK(bound.handover_socket.Expect(token, nullptr).code() == StatusCode::kClosed);
  CHECK(bound.handover_socket.Take(token, &handover).code() == StatusCode::kClosed);
  bound.handover_socket.Discard(token);
}

TEST_CASE("rejects a path that cannot be bound, with the reason") {
  Bound bound;
  HandoverSocket second;
  const Status in_use = second.Bind(bound.path.c_str());
  CHECK(in_use.code() == StatusCode::kNameInUse);
  CHECK(in_use.os_error() == EADDRINUSE);
  CHECK(second.Bind("").code() == StatusCode::kInvalidArgument);
  CHECK(second.Bind(std::string(108, 'x').c_str()).code() == StatusCode::kInvalidArgument);
  CHECK(second.Bind("/nowhere/at/all").code() == StatusCode::kUnavailable);
  const TemporaryPath directory("d");
  const std::string base(directory.c_str());
  const std::string longest = base + std::string(107 - base.size(), 'x');
  CHECK(second.Bind(longest.c_str()).ok());
  unlink(longest.c_str());
}

TEST_CASE("reports a handover socket that cannot be reached as unavailable") {
  const Handle memory_file = test::MakeMemory();
  bool full = true;
  const TemporaryPath path("handover");
  CHECK(SendToHandoverSocket(path.c_str(), MakeToken(1), memory_file, memory_file, &full).code() ==
        StatusCode::kUnavailable);
  CHECK_FALSE(full);
  {
    HandoverSocket gone;
    REQUIRE(gone.Bind(path.c_str()).ok());
  }
  CHECK(SendToHandoverSocket(path.c_str(), MakeToken(1), memory_file, memory_file, &full).code() ==
        StatusCode::kUnavailable);
  CHECK(SendToHandoverSocket(std::string(200, 'x').c_str(), MakeToken(1), memory_file, memory_file,
                             &full)
            .code() == StatusCode::kInvalidArgument);
}

}  // namespace shmwire::platform

TEST_SUITE_END();
