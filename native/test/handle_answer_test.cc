// The way back of a handover: SendHandles, ReceiveHandles.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <vector>

#include "platform/bell.h"
#include "platform/handle_inbox.h"
#include "test/support.h"

TEST_SUITE_BEGIN("handle_answer_test");

namespace shmwire::platform {
namespace {

using test::OpenDescriptorCount;

int Native(const Handle& handle) { return static_cast<int>(handle.native()); }

Handle OpenNull() {
  Handle handle(open("/dev/null", O_RDONLY | O_CLOEXEC));
  REQUIRE(handle.valid());
  return handle;
}

Handle MakeMemory() {
  Handle handle(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(handle.valid());
  return handle;
}

// The bell of a client and that of its server.
struct Bells {
  Bells() {
    REQUIRE(MakeBell(&client_own, &client_given).ok());
    REQUIRE(MakeBell(&server_own, &server_given).ok());
  }

  [[nodiscard]] Status Answer() const { return SendHandles(client_given, memory, server_given); }

  Handle memory = MakeMemory();
  Handle client_own;
  Handle client_given;
  Handle server_own;
  Handle server_given;
};

void SendRaw(const Handle& socket, const Handle& handle, size_t count) {
  std::vector<int> descriptors(count, Native(handle));
  std::vector<unsigned char> control(CMSG_SPACE(count * sizeof(int)));
  char byte = 0;
  iovec vector{&byte, 1};
  msghdr header{};
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  cmsghdr* part = CMSG_FIRSTHDR(&header);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(count * sizeof(int));
  std::memcpy(CMSG_DATA(part), descriptors.data(), count * sizeof(int));
  REQUIRE(sendmsg(Native(socket), &header, 0) == 1);
}

}  // namespace

TEST_CASE("an answer into a bell whose owner is gone is a gone peer, and no signal") {
  struct sigaction previous {};
  struct sigaction deadly {};
  deadly.sa_handler = SIG_DFL;
  sigaction(SIGPIPE, &deadly, &previous);
  Bells bells;
  bells.client_own.Close();
  CHECK(bells.Answer().code() == StatusCode::kPeerGone);
  sigaction(SIGPIPE, &previous, nullptr);
}

TEST_CASE("an answer into something that is no bell is a violation, and never blocks") {
  const Handle null = OpenNull();
  Bells bells;
  CHECK(SendHandles(null, null, bells.server_given).code() == StatusCode::kCorrupt);
  const Handle unconnected(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK(SendHandles(unconnected, null, bells.server_given).code() == StatusCode::kCorrupt);
  // A blocking socket with a full queue.
  REQUIRE(fcntl(Native(bells.client_given), F_SETFL, 0) == 0);
  while (send(Native(bells.client_given), "x", 1, MSG_DONTWAIT) == 1) {
  }
  CHECK(bells.Answer().code() == StatusCode::kCorrupt);
}

TEST_CASE("an answer that is not two handles, the second a bell, is a violation, and closed") {
  const Handle sent[] = {MakeMemory(), OpenNull()};
  Bells bells;
  Handle memory;
  Handle bell;
  const auto receive = [&] {
    return ReceiveHandles(bells.client_own, nullptr, &memory, &bell).code();
  };
  CHECK(receive() == StatusCode::kCorrupt);  // nothing there
  REQUIRE(send(Native(bells.client_given), "x", 1, 0) == 1);
  CHECK(receive() == StatusCode::kCorrupt);  // no descriptor

  const size_t before = OpenDescriptorCount();
  for (const Handle& handle : sent) {
    // With two, the second is no bell.
    for (const size_t count : {size_t{1}, size_t{2}, size_t{3}, size_t{100}}) {
      SendRaw(bells.client_given, handle, count);
      CHECK(receive() == StatusCode::kCorrupt);
      CHECK_FALSE(memory.valid());
      CHECK(OpenDescriptorCount() == before);
    }
  }

  REQUIRE(bells.Answer().ok());
  CHECK(receive() == StatusCode::kOk);
  CHECK(RingBell(bell).ok());
  bells.client_given.Close();
  CHECK(receive() == StatusCode::kPeerGone);
}

TEST_CASE("an answer of another process than expected is a violation, and closed") {
  const Credentials self{CurrentProcessId(), CurrentUserId(), getegid()};
  const Credentials strangers[] = {
      {self.pid + 1, self.uid, self.gid},
      {0, self.uid, self.gid},  // in a pid namespace that we do not see, which this process is not
  };
  const Credentials same[] = {
      self, {self.pid, self.uid + 1, self.gid + 1},  // it has changed its user since
  };
  Bells bells;
  Handle memory;
  Handle bell;
  const auto receive = [&](const Credentials& sender) {
    REQUIRE(bells.Answer().ok());
    return ReceiveHandles(bells.client_own, &sender, &memory, &bell).code();
  };
  const size_t before = OpenDescriptorCount();
  for (const Credentials& stranger : strangers) {
    CHECK(receive(stranger) == StatusCode::kCorrupt);
    CHECK_FALSE(memory.valid());
    CHECK_FALSE(bell.valid());
    CHECK(OpenDescriptorCount() == before);
  }
  for (const Credentials& expected : same) {
    CHECK(receive(expected) == StatusCode::kOk);
    CHECK(memory.valid());
    CHECK(RingBell(bell).ok());
  }
}

}  // namespace shmwire::platform

TEST_SUITE_END();
