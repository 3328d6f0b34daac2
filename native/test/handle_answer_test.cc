// The server's answer in a handover: SendHandles and ReceiveHandles.

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "platform/doorbell.h"
#include "platform/handover_socket.h"
#include "test/deadly_sigpipe.h"
#include "test/send_descriptors.h"
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

// The doorbells of a client and of its server.
struct Doorbells {
  Doorbells() {
    REQUIRE(MakeDoorbell(&client_own, &client_end).ok());
    REQUIRE(MakeDoorbell(&server_own, &server_end).ok());
  }

  [[nodiscard]] Status Answer() const { return SendHandles(client_end, memory, server_end); }

  Handle memory = test::MakeMemory();
  Handle client_own;
  Handle client_end;
  Handle server_own;
  Handle server_end;
};

void SendRaw(const Handle& socket, const Handle& handle, size_t count) {
  REQUIRE(test::SendDescriptors(socket, std::vector<int>(count, Native(handle))) == 0);
}

}  // namespace

TEST_CASE("reports an answer to a closed doorbell as a gone peer, without a signal") {
  const test::DeadlySigpipe deadly;
  Doorbells doorbells;
  doorbells.client_own.Close();
  CHECK(doorbells.Answer().code() == StatusCode::kPeerGone);
}

TEST_CASE("rejects an answer to something other than a doorbell, without blocking") {
  const Handle null = OpenNull();
  Doorbells doorbells;
  CHECK(SendHandles(null, null, doorbells.server_end).code() == StatusCode::kCorrupt);
  const Handle unconnected(socket(AF_UNIX, SOCK_STREAM, 0));
  CHECK(SendHandles(unconnected, null, doorbells.server_end).code() == StatusCode::kCorrupt);
  // A blocking socket with a full queue.
  REQUIRE(fcntl(Native(doorbells.client_end), F_SETFL, 0) == 0);
  while (send(Native(doorbells.client_end), "x", 1, MSG_DONTWAIT) == 1) {
  }
  CHECK(doorbells.Answer().code() == StatusCode::kCorrupt);
}

TEST_CASE("rejects and closes an answer other than two handles, the second a doorbell") {
  const Handle sent[] = {test::MakeMemory(), OpenNull()};
  Doorbells doorbells;
  Handle memory;
  Handle doorbell;
  const auto receive = [&] {
    return ReceiveHandles(doorbells.client_own, nullptr, &memory, &doorbell).code();
  };
  CHECK(receive() == StatusCode::kCorrupt);  // nothing was sent
  REQUIRE(send(Native(doorbells.client_end), "x", 1, 0) == 1);
  CHECK(receive() == StatusCode::kCorrupt);  // no descriptor

  const size_t before = OpenDescriptorCount();
  for (const Handle& handle : sent) {
    // With two, the second is not a doorbell.
    for (const size_t count : {size_t{1}, size_t{2}, size_t{3}, size_t{100}}) {
      SendRaw(doorbells.client_end, handle, count);
      CHECK(receive() == StatusCode::kCorrupt);
      CHECK_FALSE(memory.valid());
      CHECK(OpenDescriptorCount() == before);
    }
  }

  REQUIRE(doorbells.Answer().ok());
  CHECK(receive() == StatusCode::kOk);
  CHECK(WakeThroughDoorbell(doorbell).ok());
  doorbells.client_end.Close();
  CHECK(receive() == StatusCode::kPeerGone);
}

TEST_CASE("rejects and closes an answer from another process than expected") {
  const Credentials self{CurrentProcessId(), CurrentUserId(), getegid()};
  const Credentials strangers[] = {
      {self.pid + 1, self.uid, self.gid},
      {0, self.uid, self.gid},  // another process, in a pid namespace outside of this one
  };
  const Credentials same[] = {
      self, {self.pid, self.uid + 1, self.gid + 1},  // the process has changed its user
  };
  Doorbells doorbells;
  Handle memory;
  Handle doorbell;
  const auto receive = [&](const Credentials& sender) {
    REQUIRE(doorbells.Answer().ok());
    return ReceiveHandles(doorbells.client_own, &sender, &memory, &doorbell).code();
  };
  const size_t before = OpenDescriptorCount();
  for (const Credentials& stranger : strangers) {
    CHECK(receive(stranger) == StatusCode::kCorrupt);
    CHECK_FALSE(memory.valid());
    CHECK_FALSE(doorbell.valid());
    CHECK(OpenDescriptorCount() == before);
  }
  for (const Credentials& expected : same) {
    CHECK(receive(expected) == StatusCode::kOk);
    CHECK(memory.valid());
    CHECK(WakeThroughDoorbell(doorbell).ok());
  }
}

}  // namespace shmwire::platform

TEST_SUITE_END();
