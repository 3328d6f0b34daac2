// The thread that closes descriptors, when it cannot be started, when it blocks, and after a fork.

#include "platform/posix/stray_descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "core/endpoint.h"
#include "platform/handover_socket.h"
#include "platform/process.h"
#include "platform/queued_handles.h"
#include "test/child.h"
#include "test/lingering_socket.h"
#include "test/send_descriptors.h"
#include "test/support.h"

TEST_SUITE_BEGIN("stray_descriptors_process_test");

namespace shmwire::platform {
namespace {

using test::Child;
using test::kNeverNanos;
using test::LingeringSocket;
using test::TemporaryPath;

// An exit status that no failure uses.
constexpr int kNotRoot = 77;
// A user without processes.
constexpr uid_t kNobodyElse = 64'321;
constexpr int kLingerSeconds = 20;
// Longer than a close without lingering takes on any machine.
constexpr uint64_t kNoLingerNanos = 5'000'000'000;

std::vector<int> OpenNulls(size_t count) {
  std::vector<int> descriptors;
  for (size_t index = 0; index < count; index++) {
    descriptors.push_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  return descriptors;
}

bool ClosesAll() {
  const uint64_t begin = MonotonicNanos();
  while (StrayDescriptorsOpen() > 0) {
    if (MonotonicNanos() - begin > kNeverNanos) return false;
    usleep(1000);
  }
  return true;
}

bool IsOpen(int descriptor) { return fcntl(descriptor, F_GETFD) >= 0; }

// Makes every later start of a thread fail. `*before`: the previous limit. False: not root.
bool RefuseThreads(rlimit* before = nullptr) {
  rlimit limit{};
  if (geteuid() != 0 || getrlimit(RLIMIT_NPROC, &limit) != 0) return false;
  if (before != nullptr) *before = limit;
  limit.rlim_cur = 1;
  return setresuid(kNobodyElse, kNobodyElse, 0) == 0 && setrlimit(RLIMIT_NPROC, &limit) == 0;
}

// Since Linux 6.16.
bool RefusesHandles() {
  const Handle socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return StopHandles(socket.native());
}

void ExpectPassed(Child* child) {
  const int result = child->Join();
  if (result == kNotRoot) {
    MESSAGE("skipped: only root can become a user without processes");
  } else {
    CHECK(result == 0);
  }
}

// Sends a datagram with as many descriptors as one can have.
bool SendStrays(const char* path, int descriptor) {
  constexpr size_t kCount = 253;
  const char byte = 0;
  const std::vector<int> descriptors(kCount, descriptor);
  return test::SendDatagram(path, descriptors, &byte, sizeof(byte)) == 0;
}

}  // namespace

TEST_CASE("keeps descriptors while no thread can be started, and closes them later") {
  Child child([] {
    rlimit before{};
    if (!RefuseThreads(&before)) return kNotRoot;
    const std::vector<int> first = OpenNulls(100);
    CloseElsewhere(first.data(), first.size());
    if (StrayDescriptorsOpen() != 100 || !IsOpen(first[0]) || !IsOpen(first[99])) return 4;
    if (StrayDescriptorBacklog() != StrayBacklog::kSmall) return 5;
    const std::vector<int> second = OpenNulls(1);
    if (setrlimit(RLIMIT_NPROC, &before) != 0) return 6;
    CloseElsewhere(second.data(), second.size());
    if (!ClosesAll()) return 7;
    for (const int descriptor : first) {
      if (IsOpen(descriptor)) return 8;
    }
    return 0;
  });
  ExpectPassed(&child);
}

TEST_CASE("closes the handles of a connection at once, and rejected ones in the thread") {
  Child child([] {
    if (!RefuseThreads()) return kNotRoot;
    TemporaryPath path("handover");
    HandoverSocket handover_socket;
    Endpoint client;
    Endpoint server;
    bool full = true;
    if (!handover_socket.Bind(path.c_str()).ok()) return 1;
    for (Endpoint* end : {&client, &server}) {
      if (!end->Create(test::kRingBytes, test::kMessageBytesMax).ok()) return 2;
    }
    const Token kept{1};
    if (!handover_socket.Expect(kept, nullptr).ok()) return 3;
    if (!client.OfferHandles(path.c_str(), kept, &full).ok() || full) return 4;
    if (!server.AcceptHandles(&handover_socket, kept).ok() || !client.AttachOffered(nullptr).ok())
      return 5;
    if (StrayDescriptorsOpen() != 0) return 6;
    client.Close();
    server.Close();
    // Before Linux 6.16, the own doorbell of each end can hold descriptors.
    const size_t doorbells = RefusesHandles() ? 0 : 2;
    if (StrayDescriptorsOpen() != doorbells) return 7;

    Endpoint refused;
    if (!refused.Create(test::kRingBytes, test::kMessageBytesMax).ok()) return 8;
    const Token dropped{2};
    if (!handover_socket.Expect(dropped, nullptr).ok()) return 9;
    if (!refused.OfferHandles(path.c_str(), dropped, &full).ok() || full) return 10;
    bool rested = false;
    if (!handover_socket.Drain(&rested).ok()) return 11;
    handover_socket.Discard(dropped);
    return StrayDescriptorsOpen() == doorbells + 2 ? 0 : 12;
  });
  ExpectPassed(&child);
}

TEST_CASE("does not wait for a close that blocks, and starts a thread in the child of a fork") {
  Child child([] {
    LingeringSocket lingering(kLingerSeconds);
    const int descriptor = lingering.descriptor();
    const std::vector<int> behind = OpenNulls(10);
    const uint64_t begin = MonotonicNanos();
    CloseElsewhere(&descriptor, 1);
    // The thread is in the close, so all later descriptors wait.
    while (IsOpen(descriptor)) usleep(1000);
    CloseElsewhere(behind.data(), behind.size());
    if (StrayDescriptorsOpen() != 11) return 1;
    // The thread waits in the kernel and holds no lock.
    Child grandchild(
        [&] {
          if (StrayDescriptorsOpen() != 10) return 1;
          const std::vector<int> own = OpenNulls(1);
          CloseElsewhere(own.data(), own.size());
          return ClosesAll() && !IsOpen(behind[0]) ? 0 : 2;
        },
        test::ForkWhen::kAtOnce);
    if (grandchild.Join() != 0) return 2;
    if (MonotonicNanos() - begin > kNoLingerNanos) return 3;
    if (StrayDescriptorsOpen() != 11) return 4;
    lingering.CloseOther();
    return ClosesAll() ? 0 : 5;
  });
  CHECK(child.Join() == 0);
}

TEST_CASE("refuses service while too many descriptors wait to be closed") {
  Child child([] {
    TemporaryPath path("handover");
    HandoverSocket handover_socket;
    if (!handover_socket.Bind(path.c_str()).ok()) return 1;
    LingeringSocket lingering(kLingerSeconds);
    const int descriptor = lingering.descriptor();
    const uint64_t begin = MonotonicNanos();
    CloseElsewhere(&descriptor, 1);
    const Handle null(open("/dev/null", O_RDONLY | O_CLOEXEC));
    const Token before{1};
    const Token after{2};
    bool rested = false;
    if (!handover_socket.Expect(before, nullptr).ok()) return 2;
    Status status;
    int sent = 0;
    while (status.ok() && MonotonicNanos() - begin < kNoLingerNanos) {
      // The queue may be full, because the handover socket rests between two reads.
      if (SendStrays(path.c_str(), static_cast<int>(null.native()))) sent++;
      status = handover_socket.Drain(&rested);
    }
    if (sent < 5) return 3;
    if (status.code() != StatusCode::kUnavailable) return 4;
    const size_t held = StrayDescriptorsOpen();
    if (held > 1024 + 253) return 5;
    // The handover socket does not read the queued datagrams.
    SendStrays(path.c_str(), static_cast<int>(null.native()));
    for (int call = 0; call < 20; call++) {
      if (handover_socket.Drain(&rested).code() != StatusCode::kUnavailable) return 6;
    }
    if (StrayDescriptorsOpen() != held) return 7;
    if (handover_socket.Expect(after, nullptr).code() != StatusCode::kUnavailable) return 8;
    Handover handover;
    if (handover_socket.Take(before, &handover).code() != StatusCode::kUnavailable) return 9;
    if (MonotonicNanos() - begin > kNoLingerNanos) return 10;
    lingering.CloseOther();
    if (!ClosesAll()) return 11;
    return handover_socket.Expect(after, nullptr).ok() ? 0 : 12;
  });
  CHECK(child.Join() == 0);
}

}  // namespace shmwire::platform

TEST_SUITE_END();
