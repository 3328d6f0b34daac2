#include "core/endpoint.h"

#include <sys/socket.h>
#include <unistd.h>

#include "platform/doorbell.h"
#include "platform/process.h"
#include "test/endpoint_support.h"

TEST_SUITE_BEGIN("endpoint_test");

namespace shmwire {
namespace {

using test::kInlineMax;
using test::kMessageBytesMax;
using test::kRingBytes;
using test::WriteOne;

size_t Drain(Endpoint* endpoint, bool* needs_wake) {
  test::Collector collector(endpoint);
  size_t count = 0;
  while (collector.Collect([&](uint32_t, const std::byte*, uint64_t) { count++; }, needs_wake)) {
  }
  REQUIRE(collector.status().ok());
  return count;
}

void Fill(Endpoint* endpoint) {
  while (WriteOne(endpoint, test::Payload(kInlineMax)).wrote) {
  }
}

}  // namespace

TEST_CASE("sends both ways after a handover, and keeps no handle of the memory") {
  const size_t before = test::OpenDescriptorCount();
  test::HandedOverPair pair;
  CHECK(test::OpenDescriptorCount() == before + 4);  // each end of the two doorbells
  bool needs_wake = false;
  for (Endpoint* writer : {&pair.client, &pair.server}) {
    Endpoint* reader = writer == &pair.client ? &pair.server : &pair.client;
    REQUIRE(WriteOne(writer, test::MakePayload(1, 1000)).wrote);
    REQUIRE(WriteOne(writer, test::MakePayload(2, kInlineMax * 3)).wrote);
    CHECK(Drain(reader, &needs_wake) == 2);
  }
  pair.client.Close();
  pair.server.Close();
  CHECK(test::OpenDescriptorCount() == before);
}

TEST_CASE("wakes each end through its doorbell, which it transfers once") {
  for (const bool client_sleeps : {false, true}) {
    test::HandedOverPair pair;
    Endpoint& sleeper = client_sleeps ? pair.client : pair.server;
    Endpoint& waker = client_sleeps ? pair.server : pair.client;
    const int doorbell = static_cast<int>(sleeper.TransferDoorbell());
    REQUIRE(doorbell != platform::Handle::kNone);
    CHECK(sleeper.TransferDoorbell() == platform::Handle::kNone);
    char bytes[2];
    CHECK(read(doorbell, bytes, sizeof(bytes)) == -1);
    REQUIRE(waker.WakeThroughDoorbell().ok());
    CHECK(read(doorbell, bytes, sizeof(bytes)) == 1);
    waker.Close();
    CHECK(waker.WakeThroughDoorbell().code() == StatusCode::kClosed);
    CHECK(read(doorbell, bytes, sizeof(bytes)) == 0);
  }
}

TEST_CASE(
    "closes a transferred doorbell that is still open, and not another file with its number") {
  const size_t before = test::OpenDescriptorCount();
  for (const bool closed : {false, true}) {
    test::HandedOverPair pair;
    const int doorbell = static_cast<int>(pair.client.TransferDoorbell());
    if (closed) {
      const int another = socket(AF_UNIX, SOCK_STREAM, 0);
      REQUIRE(dup2(another, doorbell) == doorbell);
      pair.client.Close();
      CHECK(close(doorbell) == 0);
      CHECK(close(another) == 0);
    }
    pair.client.Close();
    pair.server.Close();
    CHECK(test::OpenDescriptorCount() == before);
  }
}

TEST_CASE("rejects calls that come too early or too late, without harm") {
  Endpoint endpoint;
  bool flag = false;
  bool needs_wake = false;
  uint64_t bytes = 0;
  Batch batch{};
  AssembledMessage message;
  WaitOutcome outcome = WaitOutcome::kReady;
  platform::HandoverSocket handover_socket;
  const platform::Token token{};
  const auto codes = [&](StatusCode expected) {
    CHECK(WriteOne(&endpoint, {}).status.code() == expected);
    CHECK(endpoint.HasRoom(1, &flag).code() == expected);
    CHECK(endpoint.ArmForRoom(1, &flag).code() == expected);
    CHECK(endpoint.DisarmForRoom().code() == expected);
    CHECK(endpoint.Wait({.room_length = 1, .timeout_nanos = 1}, &outcome).code() == expected);
    CHECK(endpoint.Receive(&batch, {}, &needs_wake).code() == expected);
    CHECK(endpoint.Assemble(nullptr, 0, {}, &message, &needs_wake).code() == expected);
    CHECK(endpoint.ArmForData(&flag).code() == expected);
    CHECK(endpoint.DisarmForData().code() == expected);
    CHECK(endpoint.Wait({.for_data = true, .timeout_nanos = 1}, &outcome).code() == expected);
    CHECK(endpoint.DepthBytes(&bytes).code() == expected);
    CHECK(endpoint.AttachOffered(nullptr).code() == expected);
  };
  codes(StatusCode::kInvalidArgument);
  CHECK(endpoint.OfferHandles("/nowhere", token, &flag).code() == StatusCode::kInvalidArgument);
  REQUIRE(endpoint.Create(kRingBytes, kMessageBytesMax).ok());
  CHECK(endpoint.Create(kRingBytes, kMessageBytesMax).code() == StatusCode::kInvalidArgument);
  codes(StatusCode::kInvalidArgument);
  CHECK(endpoint.AcceptHandles(&handover_socket, token).code() == StatusCode::kClosed);
  endpoint.Close();
  endpoint.Close();
  codes(StatusCode::kClosed);
  CHECK(endpoint.OfferHandles("/nowhere", token, &flag).code() == StatusCode::kClosed);
  CHECK(endpoint.AcceptHandles(&handover_socket, token).code() == StatusCode::kClosed);
  CHECK(endpoint.Create(kRingBytes, kMessageBytesMax).code() == StatusCode::kInvalidArgument);
}

TEST_CASE("attaches one peer only") {
  test::EndpointPair pair;
  CHECK(pair.first.Attach(PeerSegment::Borrow(pair.second.own())).code() ==
        StatusCode::kInvalidArgument);
}

TEST_CASE("reports a server that closes before it answers as gone") {
  test::TemporaryPath path("handover");
  const platform::Token token{9};
  Endpoint client;
  bool full = true;
  REQUIRE(client.Create(kRingBytes, kMessageBytesMax).ok());
  {
    platform::HandoverSocket handover_socket;
    REQUIRE(handover_socket.Bind(path.c_str()).ok());
    REQUIRE(handover_socket.Expect(token, nullptr).ok());
    REQUIRE(client.OfferHandles(path.c_str(), token, &full).ok());
    CHECK(client.AttachOffered(nullptr).code() == StatusCode::kCorrupt);  // READY without an answer
    bool rested = false;
    REQUIRE(handover_socket.Drain(&rested).ok());
  }
  // Waits for the thread that closes the handover socket and the descriptors in its queue.
  test::OpenDescriptorCount();
  CHECK(client.AttachOffered(nullptr).code() == StatusCode::kPeerGone);
}

TEST_CASE("rejects a peer without a segment, and sends it nothing") {
  test::TemporaryPath path("handover");
  const platform::Token token{9};
  platform::HandoverSocket handover_socket;
  REQUIRE(handover_socket.Bind(path.c_str()).ok());
  REQUIRE(handover_socket.Expect(token, nullptr).ok());
  platform::Handle own;
  platform::Handle peer_end;
  REQUIRE(platform::MakeDoorbell(&own, &peer_end).ok());
  bool full = true;
  REQUIRE(platform::SendToHandoverSocket(path.c_str(), token, own, peer_end, &full).ok());
  Endpoint server;
  REQUIRE(server.Create(kRingBytes, kMessageBytesMax).ok());
  CHECK(server.AcceptHandles(&handover_socket, token).code() == StatusCode::kCorrupt);
  platform::Handle memory;
  platform::Handle doorbell;
  CHECK(platform::ReceiveHandles(own, nullptr, &memory, &doorbell).code() == StatusCode::kCorrupt);
}

TEST_CASE("rejects a message above the limit before it writes anything") {
  test::EndpointPair pair(kRingBytes, 1000);
  CHECK(WriteOne(&pair.first, test::Payload(1001)).status.code() == StatusCode::kMessageTooLarge);
  CHECK(WriteOne(&pair.first, test::Payload(1000)).wrote);
  bool needs_wake = false;
  CHECK(Drain(&pair.second, &needs_wake) == 1);
}

TEST_CASE("wakes a sleeping reader once") {
  test::EndpointPair pair;
  CHECK_FALSE(WriteOne(&pair.first, {}).needs_wake);
  bool has_data = false;
  REQUIRE(pair.second.ArmForData(&has_data).ok());
  CHECK(has_data);
  bool needs_wake = false;
  CHECK(Drain(&pair.second, &needs_wake) == 1);
  REQUIRE(pair.second.ArmForData(&has_data).ok());
  CHECK_FALSE(has_data);
  CHECK(WriteOne(&pair.first, {}).needs_wake);
  CHECK_FALSE(WriteOne(&pair.first, {}).needs_wake);
  CHECK(Drain(&pair.second, &needs_wake) == 2);
  REQUIRE(pair.second.ArmForData(&has_data).ok());
  REQUIRE(pair.second.DisarmForData().ok());
  CHECK_FALSE(WriteOne(&pair.first, {}).needs_wake);
  CHECK(pair.first.own().control()->counters.doorbell_wakes.LoadRelaxed() == 1);
}

TEST_CASE("reports how long the wake-ups took, and stores times only when it wakes or is woken") {
  constexpr uint64_t kLongNanos = uint64_t{3'600} * 1'000'000'000;
  test::EndpointPair pair;
  const ControlBlock* first = pair.first.own().control();
  const ControlBlock* second = pair.second.own().control();
  CHECK(WriteOne(&pair.first, {}).wrote);
  CHECK(first->wake_sent_at.LoadRelaxed() == 0);
  bool flag = false;
  REQUIRE(Drain(&pair.second, &flag) == 1);
  REQUIRE(pair.second.ArmForData(&flag).ok());
  const uint64_t before = platform::MonotonicNanos();
  CHECK(WriteOne(&pair.first, {}).needs_wake);
  const uint64_t sent_at = first->wake_sent_at.LoadRelaxed();
  CHECK(sent_at >= before);
  CHECK(second->woken_at.LoadRelaxed() == 0);
  uint64_t nanos = 1;
  REQUIRE(pair.first.PeerWakeNanos(kLongNanos, &nanos).ok());
  CHECK(nanos == 0);
  REQUIRE(pair.second.Woken(kLongNanos, &nanos).ok());
  const uint64_t woken_at = second->woken_at.LoadRelaxed();
  CHECK(woken_at >= sent_at);
  CHECK(nanos == woken_at - sent_at);
  REQUIRE(pair.first.PeerWakeNanos(kLongNanos, &nanos).ok());
  CHECK(nanos == woken_at - sent_at);
  pair.first.Close();
  CHECK(pair.first.Woken(0, &nanos).code() == StatusCode::kClosed);
  CHECK(pair.first.PeerWakeNanos(0, &nanos).code() == StatusCode::kClosed);
  CHECK(nanos == 0);
}

TEST_CASE("publishes a claim when it is committed, and wakes the reader") {
  test::HandedOverPair pair;
  int64_t offset = -1;
  bool needs_wake = true;
  bool has_data = true;
  REQUIRE(pair.server.ArmForData(&has_data).ok());
  REQUIRE(pair.client.Claim(100, &offset, &needs_wake).ok());
  REQUIRE(offset == 16);
  std::memset(pair.client.own().data() + offset, 7, 100);
  REQUIRE(pair.server.ArmForData(&has_data).ok());
  CHECK_FALSE(has_data);
  CHECK(WriteOne(&pair.client, test::Payload(1)).status.code() == StatusCode::kInvalidArgument);
  CHECK(pair.client.Commit(1, 5, 101, &needs_wake).code() == StatusCode::kInvalidArgument);
  CHECK_FALSE(needs_wake);
  REQUIRE(pair.client.Commit(1, 5, 60, &needs_wake).ok());
  CHECK(needs_wake);
  CHECK(pair.client.Commit(1, 5, 60, &needs_wake).code() == StatusCode::kInvalidArgument);
  test::Collector collector(&pair.server);
  uint32_t seen = 0;
  REQUIRE(collector.Collect(
      [&](uint32_t id, const std::byte* bytes, uint64_t length) {
        seen = id;
        CHECK(length == 60);
        CHECK(bytes[59] == std::byte{7});
      },
      &needs_wake));
  CHECK(seen == 5);
  REQUIRE(pair.client.Claim(100, &offset, &needs_wake).ok());
  REQUIRE(pair.client.Abort().ok());
  REQUIRE(pair.client.Abort().ok());
  CHECK(WriteOne(&pair.client, test::Payload(1)).wrote);
}

TEST_CASE("keeps messages in place until they are released") {
  test::HandedOverPair pair;
  const test::Payload payload = test::MakePayload(1, 500);
  MessageDescriptor descriptors[4];
  Batch batch = {.target = nullptr,
                 .target_bytes = 0,
                 .offset = 0,
                 .descriptors = descriptors,
                 .descriptors_max = 4};
  bool needs_wake = false;
  REQUIRE(WriteOne(&pair.client, payload, 3).wrote);
  REQUIRE(WriteOne(&pair.client, test::Payload(), 4).wrote);
  REQUIRE(pair.server.Receive(&batch, {}, &needs_wake).ok());
  REQUIRE(batch.count == 2);
  CHECK(descriptors[0].id == 3);
  CHECK(descriptors[1].length == 0);
  const std::byte* bytes = pair.server.peer().data() + descriptors[0].offset;
  CHECK(std::memcmp(bytes, payload.data(), payload.size()) == 0);
  uint64_t depth = 0;
  REQUIRE(pair.client.DepthBytes(&depth).ok());
  CHECK(depth == RecordSpan(500) + RecordSpan(0));
  REQUIRE(pair.server.Release(&needs_wake).ok());
  REQUIRE(pair.client.DepthBytes(&depth).ok());
  CHECK(depth == 0);
  // One whole message at a time, until a quarter of the ring waits to be released.
  Fill(&pair.client);
  batch.count = 0;
  REQUIRE(pair.server.Receive(&batch, {}, &needs_wake).ok());
  CHECK(batch.count == 2);
  batch.count = 0;
  REQUIRE(pair.server.Receive(&batch, {}, &needs_wake).ok());
  CHECK(batch.count == 0);
  REQUIRE(pair.server.Release(&needs_wake).ok());
  REQUIRE(pair.server.Receive(&batch, {}, &needs_wake).ok());
  CHECK(batch.count == 2);
}

TEST_CASE("does not wake a writer that waits for data when room is freed") {
  test::EndpointPair pair;
  Fill(&pair.first);
  bool has_data = true;
  REQUIRE(pair.first.ArmForData(&has_data).ok());
  CHECK_FALSE(has_data);
  bool needs_wake = false;
  CHECK(Drain(&pair.second, &needs_wake) == 8);
  CHECK_FALSE(needs_wake);
}

TEST_CASE("wakes a writer that waits for room when a quarter is free, not before") {
  test::EndpointPair pair;
  while (WriteOne(&pair.first, test::Payload(kInlineMax / 2 - 8)).wrote) {
  }
  bool has_room = true;
  REQUIRE(pair.first.ArmForRoom(kInlineMax, &has_room).ok());
  REQUIRE_FALSE(has_room);
  test::Payload target(kInlineMax);
  MessageDescriptor descriptor;
  bool needs_wake = false;
  for (int index = 1; index <= 16; index++) {
    Batch batch = {.target = target.data(),
                   .target_bytes = target.size(),
                   .offset = 0,
                   .descriptors = &descriptor,
                   .descriptors_max = 1};
    REQUIRE(pair.second.Receive(&batch, {}, &needs_wake).ok());
    REQUIRE(batch.count == 1);
    CHECK(needs_wake == (index == 4));  // each is a sixteenth of the ring
  }
  REQUIRE(pair.first.ArmForRoom(kInlineMax, &has_room).ok());
  CHECK(has_room);
}

TEST_CASE("checks room for whole records") {
  test::EndpointPair pair;
  bool has_room = false;
  for (const uint64_t bytes : {uint64_t{0}, kInlineMax, kInlineMax + 1, kMessageBytesMax}) {
    REQUIRE(pair.first.HasRoom(bytes, &has_room).ok());
    CHECK(has_room);
  }
  Fill(&pair.first);
  REQUIRE(pair.first.HasRoom(0, &has_room).ok());
  CHECK_FALSE(has_room);
}

TEST_CASE("reports as depth the bytes that the peer has not read") {
  test::EndpointPair pair;
  uint64_t depth = 1;
  REQUIRE(pair.first.DepthBytes(&depth).ok());
  CHECK(depth == 0);
  REQUIRE(WriteOne(&pair.first, test::Payload(100)).wrote);
  REQUIRE(pair.first.DepthBytes(&depth).ok());
  CHECK(depth == RecordSpan(100));
  bool needs_wake = false;
  CHECK(Drain(&pair.second, &needs_wake) == 1);
  REQUIRE(pair.first.DepthBytes(&depth).ok());
  CHECK(depth == 0);
}

TEST_CASE("ends a receive without data after its spin") {
  test::EndpointPair pair;
  bool needs_wake = false;
  Batch batch{};
  constexpr uint64_t kNanos = 1'000'000;
  const uint64_t before = platform::MonotonicNanos();
  REQUIRE(pair.first.Receive(&batch, {kNanos, true}, &needs_wake).ok());
  CHECK(platform::MonotonicNanos() - before >= kNanos);
  CHECK(batch.count == 0);
  CHECK(batch.required_bytes == -1);
}

TEST_CASE("ends waits at their timeout, and leaves the word disarmed") {
  test::EndpointPair pair;
  WaitOutcome outcome = WaitOutcome::kReady;
  REQUIRE(pair.first.Wait({.for_data = true, .timeout_nanos = 1'000'000}, &outcome).ok());
  CHECK(outcome == WaitOutcome::kTimeout);
  REQUIRE(pair.first.Wait({.for_data = true, .timeout_nanos = 0}, &outcome).ok());
  CHECK(outcome == WaitOutcome::kTimeout);
  REQUIRE(pair.first.Wait({.room_length = 1, .timeout_nanos = 0}, &outcome).ok());
  CHECK(outcome == WaitOutcome::kReady);
  Fill(&pair.first);
  REQUIRE(pair.first.Wait({.room_length = kInlineMax, .timeout_nanos = 1'000'000}, &outcome).ok());
  CHECK(outcome == WaitOutcome::kTimeout);
  const ControlBlock& control = *pair.first.own().control();
  CHECK((control.data_wake.LoadRelaxed() & kWakeArmedBit) == 0);
  CHECK((control.room_wake.LoadRelaxed() & kWakeArmedBit) == 0);
}

TEST_CASE("delivers all data of a closed peer before it reports the close") {
  test::HandedOverPair pair;
  REQUIRE(WriteOne(&pair.client, test::MakePayload(1, 10)).wrote);
  pair.client.Close();
  WaitOutcome outcome = WaitOutcome::kTimeout;
  REQUIRE(pair.server.Wait({.for_data = true, .timeout_nanos = test::kNeverNanos}, &outcome).ok());
  CHECK(outcome == WaitOutcome::kReady);
  bool needs_wake = false;
  CHECK(Drain(&pair.server, &needs_wake) == 1);
  REQUIRE(pair.server.Wait({.for_data = true, .timeout_nanos = test::kNeverNanos}, &outcome).ok());
  CHECK(outcome == WaitOutcome::kClosed);
  REQUIRE(pair.server.Wait({.room_length = 1, .timeout_nanos = test::kNeverNanos}, &outcome).ok());
  CHECK(outcome == WaitOutcome::kClosed);
}

TEST_CASE("keeps reporting a violation of the writer's peer") {
  test::EndpointPair pair;
  pair.second.own().control()->head.StoreRelaxed(16);
  uint64_t depth = 0;
  CHECK(pair.first.DepthBytes(&depth).code() == StatusCode::kCorrupt);
  pair.second.own().control()->head.StoreRelaxed(0);
  CHECK(pair.first.DepthBytes(&depth).code() == StatusCode::kCorrupt);
  CHECK(WriteOne(&pair.first, {}).status.code() == StatusCode::kCorrupt);
}

}  // namespace shmwire

TEST_SUITE_END();
