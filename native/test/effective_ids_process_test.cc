// Processes whose effective ids differ from their real ones, as daemons have them that start as
// root. The kernel names the effective ids of a socket's peer, so a message must name the same.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include "platform/bell.h"
#include "platform/handle_inbox.h"
#include "platform/process.h"
#include "test/child.h"
#include "test/support.h"

TEST_SUITE_BEGIN("effective_ids_process_test");

namespace shmwire::platform {
namespace {

using test::Child;

constexpr uid_t kUser = 1000;
constexpr gid_t kGroup = 12;

// Only root can become another user. Says so where the test does nothing.
bool IsRoot() {
  if (geteuid() == 0) return true;
  MESSAGE("skipped: only root can change its effective user and group");
  return false;
}

Handle MakeMemory() { return Handle(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING)); }

int ReportAsFailure(const Status& status) { return status.ok() ? 0 : 1; }

// Makes a bell and sends it with memory to the inbox at `path`.
int HandOver(const char* path, const Token& token) {
  Handle own;
  Handle given;
  bool full = true;
  if (!MakeBell(&own, &given).ok()) return 2;
  return ReportAsFailure(SendToInbox(path, token, MakeMemory(), given, &full));
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

TEST_CASE("the process knows its effective user") {
  if (!IsRoot()) return;
  Child child([] { return seteuid(kUser) == 0 && CurrentUserId() == kUser ? 0 : 1; });
  CHECK(child.Join() == 0);
}

TEST_CASE("a handover names the effective ids of its sender") {
  if (!IsRoot()) return;
  const test::TemporaryPath path("inbox");
  HandleInbox inbox;
  REQUIRE(inbox.Bind(path.c_str()).ok());
  // Others have to reach it.
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
    REQUIRE(inbox.Expect(token, &expected).ok());
    REQUIRE(write(static_cast<int>(start.native()), "x", 1) == 1);
    CHECK(child.Join() == 0);
    Handover handover;
    REQUIRE(inbox.Take(token, &handover).ok());
    CHECK(handover.sender == expected);
    CHECK(CheckBell(handover.bell, handover.sender).ok());
    // A process that has no number here is known by its ids alone, so all of them must agree.
    CHECK(CheckBell(handover.bell, {0, one.uid, one.gid}).code() == StatusCode::kCorrupt);
  }
}

TEST_CASE("an answer is accepted from a server that has changed its ids since it listened") {
  if (!IsRoot()) return;
  for (const Case& one : kCases) {
    CAPTURE(one.name);
    Handle own;
    Handle given;
    REQUIRE(MakeBell(&own, &given).ok());
    Child child([&] {
      Handle child_own;
      Handle child_given;
      if (!one.change() || !MakeBell(&child_own, &child_given).ok()) return 3;
      return ReportAsFailure(SendHandles(given, MakeMemory(), child_given));
    });
    const Credentials listened{static_cast<uint32_t>(child.pid()), geteuid(), getegid()};
    CHECK(child.Join() == 0);
    Handle memory;
    Handle bell;
    CHECK(ReceiveHandles(own, &listened, &memory, &bell).ok());
  }
}

TEST_CASE("a sender that changed its user since it connected is unavailable, not a violation") {
  if (!IsRoot()) return;
  const test::TemporaryPath path("inbox");
  HandleInbox inbox;
  REQUIRE(inbox.Bind(path.c_str()).ok());
  const Token token{1};
  const Credentials connected{static_cast<uint32_t>(getpid()), kUser, 0};
  REQUIRE(inbox.Expect(token, &connected).ok());
  REQUIRE(HandOver(path.c_str(), token) == 0);
  Handover handover;
  CHECK(inbox.Take(token, &handover).code() == StatusCode::kUnavailable);
  CHECK_FALSE(handover.memory.valid());

  // Nothing says that two processes without a number are one.
  const Credentials unnamed{0, kUser, 0};
  REQUIRE(inbox.Expect(token, &unnamed).ok());
  REQUIRE(HandOver(path.c_str(), token) == 0);
  CHECK(inbox.Take(token, &handover).code() == StatusCode::kCorrupt);
}

}  // namespace shmwire::platform

TEST_SUITE_END();
