#include "platform/handle_inbox.h"
#include "platform/bell.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "test/support.h"

TEST_SUITE_BEGIN("handle_inbox_test");

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

Handle MakeMemory() {
  Handle handle(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(handle.valid());
  return handle;
}

// A datagram as any process could send it. Zero, or the error number.
int SendRaw(const char* path, const void* payload, size_t payload_bytes, size_t descriptor_count,
            const Handle& handle = MakeMemory()) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  const Handle sender(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  std::vector<int> descriptors(descriptor_count, Native(handle));
  std::vector<unsigned char> control(CMSG_SPACE(descriptor_count * sizeof(int)));
  iovec vector{const_cast<void*>(payload), payload_bytes};
  msghdr header{};
  header.msg_name = &address;
  header.msg_namelen = sizeof(address);
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  if (descriptor_count > 0) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(descriptor_count * sizeof(int));
    std::memcpy(CMSG_DATA(part), descriptors.data(), descriptor_count * sizeof(int));
  }
  return sendmsg(Native(sender), &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}

int SendRaw(const char* path, const Token& token, size_t descriptor_count) {
  return SendRaw(path, token.data(), token.size(), descriptor_count);
}

struct Bound {
  Bound() { REQUIRE(inbox.Bind(path.c_str()).ok()); }
  Status Drain() {
    bool rested = false;
    return inbox.Drain(&rested);
  }
  TemporaryPath path{"inbox"};
  HandleInbox inbox;
};

}  // namespace

TEST_CASE("two handles, a token and the sender arrive") {
  Bound bound;
  const Token token = MakeToken(1);
  REQUIRE(bound.inbox.Expect(token, nullptr).ok());
  const Handle memory_file = MakeMemory();
  Handle own;
  Handle given;
  REQUIRE(MakeBell(&own, &given).ok());
  bool full = true;
  REQUIRE(SendToInbox(bound.path.c_str(), token, memory_file, given, &full).ok());
  CHECK_FALSE(full);
  given.Close();

  Handover handover;
  REQUIRE(bound.inbox.Take(token, &handover).ok());
  CHECK(handover.sender == Credentials{static_cast<uint32_t>(getpid()), geteuid(), getegid()});
  CHECK((fcntl(Native(handover.memory), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK((fcntl(Native(handover.bell), F_GETFD) & FD_CLOEXEC) != 0);
  struct stat sent {};
  struct stat received {};
  REQUIRE(fstat(Native(memory_file), &sent) == 0);
  REQUIRE(fstat(Native(handover.memory), &received) == 0);
  CHECK(sent.st_ino == received.st_ino);

  Handle server_own;
  Handle server_given;
  REQUIRE(MakeBell(&server_own, &server_given).ok());
  REQUIRE(SendHandles(handover.bell, memory_file, server_given).ok());
  Handle memory;
  Handle peer_bell;
  REQUIRE(ReceiveHandles(own, nullptr, &memory, &peer_bell).ok());
  CHECK(memory.valid());
  REQUIRE(RingBell(peer_bell).ok());
  char ring = 1;
  CHECK(recv(Native(server_own), &ring, 1, 0) == 1);
}

TEST_CASE("a token is taken once") {
  Bound bound;
  const Token token = MakeToken(1);
  Handover handover;
  CHECK(bound.inbox.Take(token, &handover).code() == StatusCode::kInvalidArgument);
  REQUIRE(bound.inbox.Expect(token, nullptr).ok());
  CHECK(bound.inbox.Expect(token, nullptr).code() == StatusCode::kInvalidArgument);
  CHECK(bound.inbox.Take(token, &handover).code() == StatusCode::kCorrupt);
  CHECK(bound.inbox.Take(token, &handover).code() == StatusCode::kInvalidArgument);
}

TEST_CASE("what is not exactly a token and two handles is dropped and closed") {
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
    REQUIRE(bound.inbox.Expect(token, nullptr).ok());
    REQUIRE(send() == 0);
    Handover handover;
    CHECK(bound.inbox.Take(token, &handover).code() == StatusCode::kCorrupt);
    CHECK_FALSE(handover.memory.valid());
    CHECK(OpenDescriptorCount() == before);
  }
}

TEST_CASE("what is dropped does not stop what is good") {
  Bound bound;
  const Token token = MakeToken(1);
  REQUIRE(bound.inbox.Expect(token, nullptr).ok());
  REQUIRE(SendRaw(bound.path.c_str(), token, 3) == 0);
  REQUIRE(SendRaw(bound.path.c_str(), token, 2) == 0);
  Handover handover;
  CHECK(bound.inbox.Take(token, &handover).ok());
}

TEST_CASE("the first handover with a token holds, a second is closed") {
  Bound bound;
  const size_t before = OpenDescriptorCount();
  const Token token = MakeToken(1);
  REQUIRE(bound.inbox.Expect(token, nullptr).ok());
  REQUIRE(SendRaw(bound.path.c_str(), token, 2) == 0);
  REQUIRE(SendRaw(bound.path.c_str(), token, 2) == 0);
  REQUIRE(bound.Drain().ok());
  CHECK(OpenDescriptorCount() == before + 2);
  Handover handover;
  CHECK(bound.inbox.Take(token, &handover).ok());
}

TEST_CASE("only the expected sender is let in") {
  Bound bound;
  const Credentials own = {static_cast<uint32_t>(getpid()), getuid(), getgid()};
  for (int field = 0; field < 4; field++) {
    CAPTURE(field);
    Credentials expected = own;
    if (field == 1) expected.pid++;
    if (field == 2) expected.uid++;
    if (field == 3) expected.gid++;
    const Token token = MakeToken(1);
    REQUIRE(bound.inbox.Expect(token, &expected).ok());
    REQUIRE(SendRaw(bound.path.c_str(), token, 2) == 0);
    Handover handover;
    // Another user of the same process is one that has changed; another process never is.
    const StatusCode outcomes[] = {StatusCode::kOk, StatusCode::kCorrupt, StatusCode::kUnavailable,
                                   StatusCode::kUnavailable};
    CHECK(bound.inbox.Take(token, &handover).code() == outcomes[field]);
  }
}

TEST_CASE("handovers wait for their own tokens") {
  Bound bound;
  for (uint8_t index = 0; index < 5; index++) {
    REQUIRE(bound.inbox.Expect(MakeToken(index), nullptr).ok());
  }
  for (uint8_t index = 5; index-- > 0;) {
    REQUIRE(SendRaw(bound.path.c_str(), MakeToken(index), 2) == 0);
  }
  for (uint8_t index = 0; index < 5; index++) {
    Handover handover;
    CHECK(bound.inbox.Take(MakeToken(index), &handover).ok());
  }
}

TEST_CASE("a discarded token's handles are closed, before and after they came") {
  Bound bound;
  const size_t before = OpenDescriptorCount();
  const Token token = MakeToken(1);
  REQUIRE(bound.inbox.Expect(token, nullptr).ok());
  REQUIRE(SendRaw(bound.path.c_str(), token, 2) == 0);
  REQUIRE(bound.Drain().ok());
  CHECK(OpenDescriptorCount() == before + 2);
  bound.inbox.Discard(token);
  bound.inbox.Discard(token);
  CHECK(OpenDescriptorCount() == before);
  REQUIRE(bound.inbox.Expect(token, nullptr).ok());
  REQUIRE(SendRaw(bound.path.c_str(), token, 2) == 0);
  bound.inbox.Discard(token);
  REQUIRE(bound.Drain().ok());
  CHECK(OpenDescriptorCount() == before);
}

TEST_CASE("the number of handshakes under way is bounded") {
  Bound bound;
  Token token{};
  for (size_t index = 0; index < HandleInbox::kExpectedMax; index++) {
    token[0] = static_cast<uint8_t>(index);
    token[1] = static_cast<uint8_t>(index >> 8);
    REQUIRE(bound.inbox.Expect(token, nullptr).ok());
  }
  const Token surplus = MakeToken(7);
  CHECK(bound.inbox.Expect(surplus, nullptr).code() == StatusCode::kOutOfMemory);
  bound.inbox.Discard(token);
  CHECK(bound.inbox.Expect(surplus, nullptr).ok());
}

TEST_CASE("a full inbox says so without blocking, and takes more once drained") {
  Bound bound;
  const Handle memory_file = MakeMemory();
  Handle own;
  Handle given;
  REQUIRE(MakeBell(&own, &given).ok());
  const Token token = MakeToken(1);
  bool full = false;
  int sent = 0;
  while (!full && sent < 100000) {
    REQUIRE(SendToInbox(bound.path.c_str(), token, memory_file, given, &full).ok());
    sent++;
  }
  REQUIRE(full);
  CHECK(sent > 1);
  REQUIRE(bound.Drain().ok());
  REQUIRE(SendToInbox(bound.path.c_str(), token, memory_file, given, &full).ok());
  CHECK_FALSE(full);
}

TEST_CASE("no descriptors left to receive into is out of memory, and nothing leaks") {
  Bound bound;
  const Token token = MakeToken(1);
  REQUIRE(bound.inbox.Expect(token, nullptr).ok());
  REQUIRE(SendRaw(bound.path.c_str(), token, 2) == 0);
  const size_t before = OpenDescriptorCount();
  // Room for one of the two.
  const int lowest = dup(0);
  close(lowest);
  rlimit limit{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  rlimit tight = limit;
  tight.rlim_cur = static_cast<rlim_t>(lowest) + 1;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &tight) == 0);
  Handover handover;
  const Status status = bound.inbox.Take(token, &handover);
  REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(status.code() == StatusCode::kOutOfMemory);
  CHECK(OpenDescriptorCount() == before);
}

TEST_CASE("a closed inbox holds nothing and does nothing") {
  Bound bound;
  const Token token = MakeToken(1);
  REQUIRE(bound.inbox.Expect(token, nullptr).ok());
  REQUIRE(SendRaw(bound.path.c_str(), token, 2) == 0);
  REQUIRE(bound.Drain().ok());
  const size_t before = OpenDescriptorCount();
  bound.inbox.Close();
  bound.inbox.Close();
  CHECK(OpenDescriptorCount() == before - 3);
  Handover handover;
  CHECK(bound.Drain().code() == StatusCode::kClosed);
  CHECK(bound.inbox.Expect(token, nullptr).code() == StatusCode::kClosed);
  CHECK(bound.inbox.Take(token, &handover).code() == StatusCode::kClosed);
  bound.inbox.Discard(token);
}

TEST_CASE("a path that cannot be bound is refused with the reason") {
  Bound bound;
  HandleInbox second;
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

TEST_CASE("an inbox that cannot be reached is unavailable, so that the socket can serve") {
  const Handle memory_file = MakeMemory();
  bool full = true;
  const TemporaryPath path("inbox");
  CHECK(SendToInbox(path.c_str(), MakeToken(1), memory_file, memory_file, &full).code() ==
        StatusCode::kUnavailable);
  CHECK_FALSE(full);
  {
    HandleInbox gone;
    REQUIRE(gone.Bind(path.c_str()).ok());
  }
  CHECK(SendToInbox(path.c_str(), MakeToken(1), memory_file, memory_file, &full).code() ==
        StatusCode::kUnavailable);
  CHECK(SendToInbox(std::string(200, 'x').c_str(), MakeToken(1), memory_file, memory_file, &full)
            .code() == StatusCode::kInvalidArgument);
}

}  // namespace shmwire::platform

TEST_SUITE_END();
