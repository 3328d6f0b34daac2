// Topics and cells between processes: readers and writers that are killed.

#include <poll.h>
#include <sys/socket.h>

#include "test/attachment_support.h"
#include "test/cell_support.h"
#include "test/child.h"

TEST_SUITE_BEGIN("messaging_process_test");

namespace shmwire {
namespace {

using test::BatchMemory;
using test::Child;
using test::HandoverPlace;
using test::kRingBytes;

// A byte stream between two processes, for turns.
class Turns {
 public:
  Turns() { REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_) == 0); }
  ~Turns() {
    close(ends_[0]);
    close(ends_[1]);
  }
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  // Each process uses another end.
  [[nodiscard]] bool Send(int end) const {
    const char turn = 1;
    return write(ends_[end], &turn, 1) == 1;
  }
  [[nodiscard]] bool Await(int end) const {
    char turn = 0;
    return read(ends_[end], &turn, 1) == 1;
  }

 private:
  int ends_[2] = {-1, -1};
};

constexpr int kParent = 0;
constexpr int kChild = 1;

// Attaches in a child that cannot use doctest's assertions.
bool Attach(ReaderAttachment* reader, const HandoverPlace& place, const platform::Token& token,
            const Turns& turns) {
  bool full = true;
  return reader->Offer(place.path(), token, &full).ok() && !full && turns.Send(kChild) &&
         turns.Await(kChild) && reader->Attach(nullptr).ok();
}

bool AwaitDoorbell(ReaderAttachment* reader, intptr_t* doorbell) {
  if (*doorbell < 0) *doorbell = reader->TransferDoorbell();
  // It does not block.
  pollfd entry = {.fd = static_cast<int>(*doorbell), .events = POLLIN, .revents = 0};
  char wake_up = 0;
  return poll(&entry, 1, -1) == 1 && recv(static_cast<int>(*doorbell), &wake_up, 1, 0) == 1;
}

}  // namespace

TEST_CASE("delivers to a reader in another process, which sleeps meanwhile") {
  constexpr uint64_t kMessages = 2000;
  HandoverPlace place;
  Turns turns;
  const platform::Token token = place.Expect();
  Child child([&] {
    BroadcastSubscriber reader(true);
    uint64_t next = 0;
    intptr_t doorbell = -1;
    BatchMemory memory;
    if (!Attach(reader.attachment(), place, token, turns)) return 1;
    if (!reader.Seek(SeekStart::kNext, 0, &next).ok() || next != 1) return 2;
    if (!turns.Send(kChild)) return 3;
    for (uint64_t received = 0;;) {
      BroadcastBatch batch = memory.batch();
      BroadcastSubscriber::Received result;
      if (!reader.Receive(&batch, {}, &result).ok() || batch.lost != 0) return 4;
      received += batch.count;
      if (result.writer_waits && !turns.Send(kChild)) return 5;
      if (result.closed) return received == kMessages ? 0 : 6;
      if (batch.count != 0) continue;
      bool ready = false;
      if (!reader.Arm(&ready).ok()) return 7;
      if (!ready && !AwaitDoorbell(reader.attachment(), &doorbell)) return 8;
      if (!reader.Disarm().ok()) return 9;
    }
  });
  BroadcastPublisher publisher;
  uint32_t reader = 0;
  REQUIRE(publisher.Create(kRingBytes).ok());
  REQUIRE(turns.Await(kParent));
  REQUIRE(publisher.Accept(place.socket(), token, true, &reader).ok());
  REQUIRE(turns.Send(kParent));
  REQUIRE(turns.Await(kParent));
  for (uint64_t sequence = 1; sequence <= kMessages; sequence++) {
    WakeCounts counts;
    while (!test::Publish(&publisher, sequence, sequence % 1000, &counts)) {
      bool has_room = false;
      REQUIRE(publisher.ArmForRoom(&has_room).ok());
      if (!has_room) REQUIRE(turns.Await(kParent));
      REQUIRE(publisher.DisarmForRoom().ok());
    }
  }
  publisher.Close();
  CHECK(child.Join() == 0);
}

TEST_CASE("keeps all published messages when the writer is killed") {
  for (const uint64_t count : {1, 5, 40}) {
    HandoverPlace place;
    Turns turns;
    const platform::Token token = place.Expect();
    BroadcastSubscriber reader(false);
    bool full = true;
    REQUIRE(reader.attachment()->Offer(place.path(), token, &full).ok());
    Child child([&] {
      BroadcastPublisher publisher;
      uint32_t index = 0;
      if (!publisher.Create(kRingBytes).ok()) return 1;
      if (!publisher.Accept(place.socket(), token, false, &index).ok()) return 2;
      if (!turns.Send(kChild) || !turns.Await(kChild)) return 3;
      for (uint64_t sequence = 1; sequence <= count; sequence++) {
        WakeCounts counts;
        if (!test::Publish(&publisher, sequence, 100, &counts)) return 4;
      }
      kill(getpid(), SIGKILL);
      return 5;
    });
    REQUIRE(turns.Await(kParent));
    REQUIRE(reader.attachment()->Attach(nullptr).ok());
    test::SeekTo(&reader, SeekStart::kNext);
    REQUIRE(turns.Send(kParent));
    CHECK(child.Join() == -1);
    uint64_t received = 0;
    for (;;) {
      BatchMemory memory;
      BroadcastBatch batch = memory.batch();
      BroadcastSubscriber::Received result;
      REQUIRE(reader.Receive(&batch, {}, &result).ok());
      CHECK(batch.lost == 0);
      CHECK_FALSE(result.closed);
      if (batch.count == 0) break;
      received += batch.count;
    }
    CHECK(received == count);
  }
}

TEST_CASE("is not affected by readers that are killed, asleep or awake") {
  HandoverPlace place;
  BroadcastPublisher publisher;
  REQUIRE(publisher.Create(kRingBytes).ok());
  BroadcastSubscriber other(false);
  place.Attach(&publisher, &other);
  test::SeekTo(&other, SeekStart::kNext);
  uint64_t sequence = 0;
  for (const bool sleeps : {false, true}) {
    Turns turns;
    const platform::Token token = place.Expect();
    Child child([&] {
      BroadcastSubscriber reader(true);
      uint64_t next = 0;
      bool ready = false;
      if (!Attach(reader.attachment(), place, token, turns)) return 1;
      if (!reader.Seek(SeekStart::kNext, 0, &next).ok()) return 2;
      if (sleeps && (!reader.Arm(&ready).ok() || ready)) return 3;
      if (!turns.Send(kChild)) return 4;
      (void)turns.Await(kChild);
      return 5;
    });
    uint32_t reader = 0;
    REQUIRE(turns.Await(kParent));
    REQUIRE(publisher.Accept(place.socket(), token, true, &reader).ok());
    REQUIRE(turns.Send(kParent));
    REQUIRE(turns.Await(kParent));
    child.Kill();
    WakeCounts counts;
    while (test::Publish(&publisher, sequence + 1, 4000, &counts)) sequence++;
    CHECK(counts.unwoken == 0);
    CHECK(publisher.slowest() == reader);
    publisher.Detach(reader);
    CHECK(test::Publish(&publisher, sequence + 1, 4000, &counts));
    sequence++;
  }
  BatchMemory memory;
  BroadcastBatch batch = memory.batch();
  BroadcastSubscriber::Received result;
  REQUIRE(other.Receive(&batch, {}, &result).ok());
  CHECK(batch.count > 0);
}

TEST_CASE("keeps the value of a cell readable when the writer is killed") {
  HandoverPlace place;
  Turns turns;
  const platform::Token token = place.Expect();
  CellWatcher reader;
  bool full = true;
  REQUIRE(reader.attachment()->Offer(place.path(), token, &full).ok());
  const test::Payload value = test::MakePayload(1, 1000);
  Child child([&] {
    CellPublisher publisher;
    uint32_t index = 0;
    uint64_t version = 0;
    WakeCounts counts;
    if (!publisher.Create(1000).ok()) return 1;
    if (!publisher.Accept(place.socket(), token, &index).ok()) return 2;
    for (int count = 0; count < 7; count++) {
      if (!publisher.Set(value.data(), value.size(), &version, &counts).ok()) return 3;
    }
    if (!turns.Send(kChild)) return 4;
    kill(getpid(), SIGKILL);
    return 5;
  });
  REQUIRE(turns.Await(kParent));
  CHECK(child.Join() == -1);
  REQUIRE(reader.attachment()->Attach(nullptr).ok());
  test::Payload target(1000);
  CellValue copied;
  bool closed = true;
  REQUIRE(reader.Get(target.data(), target.size(), &copied, &closed).ok());
  CHECK(copied.version == 7);
  CHECK(target == value);
  CHECK_FALSE(closed);
}

}  // namespace shmwire

TEST_SUITE_END();
