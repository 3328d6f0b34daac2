// A handover socket whose queue other processes keep full.

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

#include "platform/doorbell.h"
#include "platform/handover_socket.h"
#include "test/child.h"
#include "test/support.h"

TEST_SUITE_BEGIN("handover_socket_process_test");

namespace shmwire::platform {
namespace {

using test::Child;
using test::TemporaryPath;

// An exit status that no failure uses.
constexpr int kNoNamespace = 77;

Token MakeToken(uint8_t first) {
  Token token{};
  token[0] = first;
  return token;
}

Handle MakeMemory() { return Handle(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING)); }

// Sends a datagram with an unexpected token. Returns 0 or the error number.
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
  Bound() { REQUIRE(handover_socket.Bind(path.c_str()).ok()); }

  // Settles as a server does, with shorter pauses. `*calls` counts the calls.
  Status Settle(const Token& token, int* calls) {
    bool settled = false;
    for (*calls = 1;; (*calls)++) {
      Status status = handover_socket.Settle(token, &settled);
      if (!status.ok() || settled) return status;
      usleep(1000);
    }
  }

  TemporaryPath path{"handover"};
  HandoverSocket handover_socket;
};

}  // namespace

TEST_CASE("accepts a valid handover however many datagrams are queued before it") {
  // In a network namespace of its own, so that the parent keeps its settings.
  Child child([] {
    if (unshare(CLONE_NEWNET) != 0) return kNoNamespace;
    std::ofstream limit("/proc/sys/net/unix/max_dgram_qlen");
    if (!(limit << 20'000 << std::flush)) return kNoNamespace;
    Bound bound;
    const Handle memory_file = MakeMemory();
    Handle own;
    Handle peer_end;
    bool full = false;
    if (!MakeDoorbell(&own, &peer_end).ok()) return 3;
    const auto hand_over = [&](const Token& token) {
      return SendToHandoverSocket(bound.path.c_str(), token, memory_file, peer_end, &full).ok() &&
             !full;
    };
    Handover handover;
    int calls = 0;
    for (const int before : {10, 1000, 15'000}) {
      const Token token = MakeToken(1);
      if (!bound.handover_socket.Expect(token, nullptr).ok()) return 4;
      for (int count = 0; count < before; count++) {
        if (SendStranger(bound.path.c_str()) != 0) return 5;
      }
      if (!hand_over(token)) return 6;
      if (!bound.Settle(token, &calls).ok()) return 7;
      // 15,000 system calls exceed the bound of one call of Settle.
      if (before == 15'000 && calls == 1) return 8;
      if (!bound.handover_socket.Take(token, &handover).ok()) return 9;
      // A datagram behind that bound is not a violation.
      const Token next = MakeToken(2);
      if (!bound.handover_socket.Expect(next, nullptr).ok()) return 10;
      for (int count = 0; count < before; count++) {
        if (SendStranger(bound.path.c_str()) != 0) return 11;
      }
      if (!hand_over(next)) return 12;
      const StatusCode code = bound.handover_socket.Take(next, &handover).code();
      if (code == StatusCode::kCorrupt) return 13;
      // The token is no longer expected, so its handover is dropped. A peer that sent nothing is a
      // violation once the queue was empty.
      const Token never = MakeToken(3);
      if (!bound.handover_socket.Expect(never, nullptr).ok()) return 14;
      if (!bound.Settle(never, &calls).ok()) return 15;
      if (bound.handover_socket.Take(never, &handover).code() != StatusCode::kCorrupt) return 16;
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

TEST_CASE("finds a valid handover while others send without end") {
  Bound bound;
  const Handle memory_file = MakeMemory();
  Handle own;
  Handle peer_end;
  REQUIRE(MakeDoorbell(&own, &peer_end).ok());
  std::vector<std::unique_ptr<Child>> senders;
  for (int count = 0; count < 3; count++) {
    senders.push_back(std::make_unique<Child>([&]() -> int {
      for (;;) SendStranger(bound.path.c_str());
    }));
  }
  for (int round = 0; round < 100; round++) {
    const Token token = MakeToken(1);
    REQUIRE(bound.handover_socket.Expect(token, nullptr).ok());
    bool full = true;
    while (full) {
      REQUIRE(SendToHandoverSocket(bound.path.c_str(), token, memory_file, peer_end, &full).ok());
      bool rested = false;
      if (full) REQUIRE(bound.handover_socket.Drain(&rested).ok());
    }
    int calls = 0;
    REQUIRE(bound.Settle(token, &calls).ok());
    Handover handover;
    REQUIRE(bound.handover_socket.Take(token, &handover).ok());
  }
}

TEST_CASE("rejects an answer from another process than the server") {
  Handle own;
  Handle peer_end;
  REQUIRE(MakeDoorbell(&own, &peer_end).ok());
  // Every process that gets the client's doorbell from the server can send through it.
  Child child([&] {
    Handle child_own;
    Handle child_peer_end;
    if (!MakeDoorbell(&child_own, &child_peer_end).ok()) return 3;
    return SendHandles(peer_end, MakeMemory(), child_peer_end).ok() ? 0 : 1;
  });
  CHECK(child.Join() == 0);
  const Credentials server{CurrentProcessId(), CurrentUserId(), getegid()};
  Handle memory;
  Handle doorbell;
  CHECK(ReceiveHandles(own, &server, &memory, &doorbell).code() == StatusCode::kCorrupt);
  CHECK_FALSE(memory.valid());
  CHECK_FALSE(doorbell.valid());
}

}  // namespace shmwire::platform

TEST_SUITE_END();
