// An inbox that other processes keep full.

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include "platform/bell.h"
#include "platform/handle_inbox.h"
#include "test/child.h"
#include "test/support.h"

TEST_SUITE_BEGIN("handle_inbox_process_test");

namespace shmwire::platform {
namespace {

using test::Child;
using test::TemporaryPath;

// An exit status that no failure has.
constexpr int kNoNamespace = 77;

Token MakeToken(uint8_t first) {
  Token token{};
  token[0] = first;
  return token;
}

Handle MakeMemory() { return Handle(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING)); }

// A datagram with a token that nobody expects. Zero, or the error number.
int SendStranger(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  const Handle sender(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const Token token = MakeToken(9);
  const ssize_t sent = sendto(static_cast<int>(sender.native()), token.data(), token.size(), 0,
                              reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  return sent < 0 ? errno : 0;
}

struct Bound {
  Bound() { REQUIRE(inbox.Bind(path.c_str()).ok()); }

  // As a server does, but with shorter pauses. `*calls` counts.
  Status Settle(const Token& token, int* calls) {
    bool settled = false;
    for (*calls = 1;; (*calls)++) {
      Status status = inbox.Settle(token, &settled);
      if (!status.ok() || settled) return status;
      usleep(1000);
    }
  }

  TemporaryPath path{"inbox"};
  HandleInbox inbox;
};

}  // namespace

TEST_CASE("an honest handover is never a violation, however much is queued before it") {
  // Of a network namespace: this process keeps its own.
  Child child([] {
    if (unshare(CLONE_NEWNET) != 0) return kNoNamespace;
    std::ofstream limit("/proc/sys/net/unix/max_dgram_qlen");
    if (!(limit << 20'000 << std::flush)) return kNoNamespace;
    Bound bound;
    const Handle memory_file = MakeMemory();
    Handle own;
    Handle given;
    bool full = false;
    if (!MakeBell(&own, &given).ok()) return 3;
    const auto hand_over = [&](const Token& token) {
      return SendToInbox(bound.path.c_str(), token, memory_file, given, &full).ok() && !full;
    };
    Handover handover;
    int calls = 0;
    for (const int before : {10, 1000, 15'000}) {
      const Token token = MakeToken(1);
      if (!bound.inbox.Expect(token, nullptr).ok()) return 4;
      for (int count = 0; count < before; count++) {
        if (SendStranger(bound.path.c_str()) != 0) return 5;
      }
      if (!hand_over(token)) return 6;
      if (!bound.Settle(token, &calls).ok()) return 7;
      // 15,000 system calls take longer than one call of Settle may.
      if (before == 15'000 && calls == 1) return 8;
      if (!bound.inbox.Take(token, &handover).ok()) return 9;
      // What is behind too much for one call is no violation.
      const Token next = MakeToken(2);
      if (!bound.inbox.Expect(next, nullptr).ok()) return 10;
      for (int count = 0; count < before; count++) {
        if (SendStranger(bound.path.c_str()) != 0) return 11;
      }
      if (!hand_over(next)) return 12;
      const StatusCode code = bound.inbox.Take(next, &handover).code();
      if (code == StatusCode::kCorrupt) return 13;
      // The token is not expected any more, and what comes with it is dropped. A peer that sent
      // nothing is still a violation, once the inbox was seen empty.
      const Token never = MakeToken(3);
      if (!bound.inbox.Expect(never, nullptr).ok()) return 14;
      if (!bound.Settle(never, &calls).ok()) return 15;
      if (bound.inbox.Take(never, &handover).code() != StatusCode::kCorrupt) return 16;
    }
    return 0;
  });
  const int result = child.Join();
  if (result == kNoNamespace) {
    MESSAGE("skipped: only root can have a network namespace with longer queues");
  } else {
    CHECK(result == 0);
  }
}

TEST_CASE("an honest handover is found while others send without end") {
  Bound bound;
  const Handle memory_file = MakeMemory();
  Handle own;
  Handle given;
  REQUIRE(MakeBell(&own, &given).ok());
  std::vector<std::unique_ptr<Child>> senders;
  for (int count = 0; count < 3; count++) {
    senders.push_back(std::make_unique<Child>([&]() -> int {
      for (;;) SendStranger(bound.path.c_str());
    }));
  }
  for (int round = 0; round < 100; round++) {
    const Token token = MakeToken(1);
    REQUIRE(bound.inbox.Expect(token, nullptr).ok());
    bool full = true;
    while (full) {
      REQUIRE(SendToInbox(bound.path.c_str(), token, memory_file, given, &full).ok());
      bool rested = false;
      if (full) REQUIRE(bound.inbox.Drain(&rested).ok());
    }
    int calls = 0;
    REQUIRE(bound.Settle(token, &calls).ok());
    Handover handover;
    REQUIRE(bound.inbox.Take(token, &handover).ok());
  }
}

TEST_CASE("an answer of another process than the server is a violation") {
  Handle own;
  Handle given;
  REQUIRE(MakeBell(&own, &given).ok());
  // Whoever the server lets have the client's bell can send through it.
  Child child([&] {
    Handle child_own;
    Handle child_given;
    if (!MakeBell(&child_own, &child_given).ok()) return 3;
    return SendHandles(given, MakeMemory(), child_given).ok() ? 0 : 1;
  });
  CHECK(child.Join() == 0);
  const Credentials server{CurrentProcessId(), CurrentUserId(), getegid()};
  Handle memory;
  Handle bell;
  CHECK(ReceiveHandles(own, &server, &memory, &bell).code() == StatusCode::kCorrupt);
  CHECK_FALSE(memory.valid());
  CHECK_FALSE(bell.valid());
}

}  // namespace shmwire::platform

TEST_SUITE_END();
