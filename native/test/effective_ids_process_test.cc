// Processes whose effective ids differ from their real ones, such as daemons that start as root.
// The kernel reports the effective ids of a socket's peer, so a message must carry the same.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include "platform/doorbell.h"
#include "platform/handover_socket.h"
#include "platform/process.h"
#include "test/child.h"
#include "test/support.h"

TEST_SUITE_BEGIN("effective_ids_process_test");

namespace shmwire::platform {
namespace {

using test::Child;

constexpr uid_t kUser = 1000;
constexpr gid_t kGroup = 12;

// Only root can become another user. Prints a message if the test is skipped.
bool IsRoot() {
  if (geteuid() == 0) return true;
  MESSAGE("skipped: only root can change its effective user and group");
  return false;
}

Handle MakeMemory() { return Handle(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING)); }

int ReportAsFailure(const Status& status) { return status.ok() ? 0 : 1; }

// Creates a doorbell and sends it with memory to the handover socket at `path`.
int HandOver(const char* path, const Token& token) {
  Handle own;
  Handle peer_end;
  bool full = true;
  if (!MakeDoorbell(&own, &peer_end).ok()) return 2;
  return ReportAsFailure(SendToHandoverSocket(path, token, MakeMemory(), peer_end, &full));
}

struct Case {
  const char* name;
  std::function<bool()> change;
  uid_t uid;
  gid_t gid;
};

const Case kCases[] = {
    {"no change", [] { return true; }, 0, 0},
    {"effective group", [] { return setegid(kGroup) == 0; }, 0, kGroup},
    {"effective user", [] { return seteuid(kUser) == 0; }, kUser, 0},
    {"both", [] { return setegid(kGroup) == 0 && seteuid(kUser) == 0; }, kUser, kGroup},
    {"all, for good",
     [] { return setresgid(kGroup, kGroup, kGroup) == 0 && setresuid(kUser, kUser, kUser) == 0; },
     kUser, kGroup},
    {"effective and saved differ from real",
     [] { return setresgid(0, kGroup, 13) == 0 && setresuid(0, kUser, 1001) == 0; }, kUser, kGroup},
};

}  // namespace

TEST_CASE("reports the effective user of the process") {
  if (!IsRoot()) return;
  Child child([] { return seteuid(kUser) == 0 && CurrentUserId() == kUser ? 0 : 1; });
  CHECK(child.Join() == 0);
}

TEST_CASE("sends the effective ids with a handover") {
  if (!IsRoot()) return;
  const test::TemporaryPath path("handover");
  HandoverSocket handover_socket;
  REQUIRE(handover_socket.Bind(path.c_str()).ok());
  // Other users must reach it.
  const std::string directory(path.c_str(), std::strrchr(path.c_str(), '/'));
  REQUIRE(chmod(directory.c_str(), 0755) == 0);
  REQUIRE(chmod(path.c_str(), 0666) == 0);
  for (const Case& one : kCases) {
    CAPTURE(one.name);
    const Token token{1};
    int go[2];
    REQUIRE(pipe2(go, O_CLOEXEC) == 0);
    const Handle wait(go[0]);
    const Handle start(go[1]);
    Child child([&] {
      char byte = 0;
      if (!one.change() || read(static_cast<int>(wait.native()), &byte, 1) != 1) return 3;
      return HandOver(path.c_str(), token);
    });
    const Credentials expected{static_cast<uint32_t>(child.pid()), one.uid, one.gid};
    REQUIRE(handover_socket.Expect(token, &expected).ok());
    REQUIRE(write(static_cast<int>(start.native()), "x", 1) == 1);
    CHECK(child.Join() == 0);
    Handover handover;
    REQUIRE(handover_socket.Take(token, &handover).ok());
    CHECK(handover.sender == expected);
    CHECK(CheckDoorbell(handover.doorbell, handover.sender).ok());
    // A process without a pid here is identified by its ids alone, so all of them must agree.
    CHECK(CheckDoorbell(handover.doorbell, {0, one.uid, one.gid}).code() == StatusCode::kCorrupt);
  }
}

TEST_CASE("accepts an answer from a server that changed its ids after it listened") {
  if (!IsRoot()) return;
  for (const Case& one : kCases) {
    CAPTURE(one.name);
    Handle own;
    Handle peer_end;
    REQUIRE(MakeDoorbell(&own, &peer_end).ok());
    Child child([&] {
      Handle child_own;
      Handle child_peer_end;
      if (!one.change() || !MakeDoorbell(&child_own, &child_peer_end).ok()) return 3;
      return ReportAsFailure(SendHandles(peer_end, MakeMemory(), child_peer_end));
    });
    const Credentials listened{static_cast<uint32_t>(child.pid()), geteuid(), getegid()};
    CHECK(child.Join() == 0);
    Handle memory;
    Handle doorbell;
    CHECK(ReceiveHandles(own, &listened, &memory, &doorbell).ok());
  }
}

TEST_CASE("reports a sender that changed its user as unavailable, not as a violation") {
  if (!IsRoot()) return;
  const test::TemporaryPath path("handover");
  HandoverSocket handover_socket;
  REQUIRE(handover_socket.Bind(path.c_str()).ok());
  const Token token{1};
  const Credentials connected{static_cast<uint32_t>(getpid()), kUser, 0};
  REQUIRE(handover_socket.Expect(token, &connected).ok());
  REQUIRE(HandOver(path.c_str(), token) == 0);
  Handover handover;
  CHECK(handover_socket.Take(token, &handover).code() == StatusCode::kUnavailable);
  CHECK_FALSE(handover.memory.valid());

  // Two processes without a pid may differ.
  const Credentials unnamed{0, kUser, 0};
  REQUIRE(handover_socket.Expect(token, &unnamed).ok());
  REQUIRE(HandOver(path.c_str(), token) == 0);
  CHECK(handover_socket.Take(token, &handover).code() == StatusCode::kCorrupt);
}

}  // namespace shmwire::platform

TEST_SUITE_END();
