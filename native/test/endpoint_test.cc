#include "core/endpoint.h"

#include <sys/socket.h>
#include <unistd.h>

#include "platform/bell.h"
#include "platform/process.h"
#include "test/endpoint_support.h"

TEST_SUITE_BEGIN("endpoint_test");

namespace shmwire {
namespace {

using test::kInlineMax;
using test::kMessageBytesMax;
using test::kRingBytes;
using test::WriteOne;

size_t Drain(Endpoint* endpoint, bool* doorbell) {
  test::Collector collector(endpoint);
  size_t count = 0;
  while (collector.Collect([&](uint32_t, const std::byte*, uint64_t) { count++; }, doorbell)) {
  }
  REQUIRE(collector.status().ok());
  return count;
}

void Fill(Endpoint* endpoint) {
  while (WriteOne(endpoint, test::Payload(kInlineMax)).wrote) {
  }
}

}  // namespace

TEST_CASE("two ends that handed over their handles talk both ways, and keep no memory's handle") {
  const size_t before = test::OpenDescriptorCount();
  test::HandedOverPair pair;
  CHECK(test::OpenDescriptorCount() == before + 4);  // each end of the two bells
  bool doorbell = false;
  for (Endpoint* writer : {&pair.client, &pair.server}) {
    Endpoint* reader = writer == &pair.client ? &pair.server : &pair.client;
    REQUIRE(WriteOne(writer, test::MakePayload(1, 1000)).wrote);
    REQUIRE(WriteOne(writer, test::MakePayload(2, kInlineMax * 3)).wrote);
    CHECK(Drain(reader, &doorbell) == 2);
  }
  pair.client.Close();
  pair.server.Close();
  CHECK(test::OpenDescriptorCount() == before);
}

TEST_CASE("each end hears the other ring, through a bell that is lent once") {
  for (const bool client_sleeps : {false, true}) {
    test::HandedOverPair pair;
    Endpoint& sleeper = client_sleeps ? pair.client : pair.server;
    Endpoint& ringer = client_sleeps ? pair.server : pair.client;
    const int bell = static_cast<int>(sleeper.LendBell());
    REQUIRE(bell != platform::Handle::kNone);
    CHECK(sleeper.LendBell() == platform::Handle::kNone);
    char rings[2];
    CHECK(read(bell, rings, sizeof(rings)) == -1);
    REQUIRE(ringer.RingBell().ok());
    CHECK(read(bell, rings, sizeof(rings)) == 1);
    ringer.Close();
    CHECK(ringer.RingBell().code() == StatusCode::kClosed);
    CHECK(read(bell, rings, sizeof(rings)) == 0);
  }
}

TEST_CASE("a lent bell that nobody has closed is closed, and not what has its number since") {
  const size_t before = test::OpenDescriptorCount();
  for (const bool closed : {false, true}) {
    test::HandedOverPair pair;
    const int bell = static_cast<int>(pair.client.LendBell());
    if (closed) {
      const int another = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      REQUIRE(dup2(another, bell) == bell);
      pair.client.Close();
      CHECK(close(bell) == 0);
      CHECK(close(another) == 0);
    }
    pair.client.Close();
    pair.server.Close();
    CHECK(test::OpenDescriptorCount() == before);
  }
}

TEST_CASE("what is called too early or too late fails, and harms nothing") {
  Endpoint endpoint;
  bool flag = false;
  bool doorbell = false;
  uint64_t bytes = 0;
  Batch batch{};
  AssembledMessage message;
  WaitOutcome outcome = WaitOutcome::kReady;
  platform::HandleInbox inbox;
  const platform::Token token{};
  const auto codes = [&](StatusCode expected) {
    CHECK(WriteOne(&endpoint, {}).status.code() == expected);
    CHECK(endpoint.HasRoom(1, &flag).code() == expected);
    CHECK(endpoint.ArmForRoom(1, &flag).code() == expected);
    CHECK(endpoint.DisarmForRoom().code() == expected);
    CHECK(endpoint.Wait({.room_length = 1, .timeout_nanos = 1}, &outcome).code() == expected);
    CHECK(endpoint.Receive(&batch, 0, false, &doorbell).code() == expected);
    CHECK(endpoint.Assemble(nullptr, 0, 0, false, &message, &doorbell).code() == expected);
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
  CHECK(endpoint.AcceptHandles(&inbox, token).code() == StatusCode::kClosed);
  endpoint.Close();
  endpoint.Close();
  codes(StatusCode::kClosed);
  CHECK(endpoint.OfferHandles("/nowhere", token, &flag).code() == StatusCode::kClosed);
  CHECK(endpoint.AcceptHandles(&inbox, token).code() == StatusCode::kClosed);
  CHECK(endpoint.Create(kRingBytes, kMessageBytesMax).code() == StatusCode::kInvalidArgument);
}

TEST_CASE("a peer is attached once") {
  test::EndpointPair pair;
  CHECK(pair.first.Attach(PeerSegment::Borrow(pair.second.own())).code() ==
        StatusCode::kInvalidArgument);
}

TEST_CASE("a server that closes before it answers is a gone peer") {
  test::TemporaryPath path("inbox");
  const platform::Token token{9};
  Endpoint client;
  bool full = true;
  REQUIRE(client.Create(kRingBytes, kMessageBytesMax).ok());
  {
    platform::HandleInbox inbox;
    REQUIRE(inbox.Bind(path.c_str()).ok());
    REQUIRE(inbox.Expect(token, nullptr).ok());
    REQUIRE(client.OfferHandles(path.c_str(), token, &full).ok());
    CHECK(client.AttachOffered(nullptr).code() == StatusCode::kCorrupt);  // READY without an answer
    bool rested = false;
    REQUIRE(inbox.Drain(&rested).ok());
  }
  // Waits for the thread that closes the inbox, and with it what its queue held.
  test::OpenDescriptorCount();
  CHECK(client.AttachOffered(nullptr).code() == StatusCode::kPeerGone);
}

TEST_CASE("a peer without a segment is refused, and nothing is sent to it") {
  test::TemporaryPath path("inbox");
  const platform::Token token{9};
  platform::HandleInbox inbox;
  REQUIRE(inbox.Bind(path.c_str()).ok());
  REQUIRE(inbox.Expect(token, nullptr).ok());
  platform::Handle own;
  platform::Handle given;
  REQUIRE(platform::MakeBell(&own, &given).ok());
  bool full = true;
  REQUIRE(platform::SendToInbox(path.c_str(), token, own, given, &full).ok());
  Endpoint server;
  REQUIRE(server.Create(kRingBytes, kMessageBytesMax).ok());
  CHECK(server.AcceptHandles(&inbox, token).code() == StatusCode::kCorrupt);
  platform::Handle memory;
  platform::Handle bell;
  CHECK(platform::ReceiveHandles(own, nullptr, &memory, &bell).code() == StatusCode::kCorrupt);
}

TEST_CASE("a message above the limit is refused before anything is written") {
  test::EndpointPair pair(kRingBytes, 1000);
  CHECK(WriteOne(&pair.first, test::Payload(1001)).status.code() == StatusCode::kMessageTooLarge);
  CHECK(WriteOne(&pair.first, test::Payload(1000)).wrote);
  bool doorbell = false;
  CHECK(Drain(&pair.second, &doorbell) == 1);
}

TEST_CASE("a writer rings the doorbell of a sleeping reader, once") {
  test::EndpointPair pair;
  CHECK_FALSE(WriteOne(&pair.first, {}).doorbell);
  bool has_data = false;
  REQUIRE(pair.second.ArmForData(&has_data).ok());
  CHECK(has_data);
  bool doorbell = false;
  CHECK(Drain(&pair.second, &doorbell) == 1);
  REQUIRE(pair.second.ArmForData(&has_data).ok());
  CHECK_FALSE(has_data);
  CHECK(WriteOne(&pair.first, {}).doorbell);
  CHECK_FALSE(WriteOne(&pair.first, {}).doorbell);
  CHECK(Drain(&pair.second, &doorbell) == 2);
  REQUIRE(pair.second.ArmForData(&has_data).ok());
  REQUIRE(pair.second.DisarmForData().ok());
  CHECK_FALSE(WriteOne(&pair.first, {}).doorbell);
  CHECK(pair.first.own().control()->counters.doorbells_rung.LoadRelaxed() == 1);
}

TEST_CASE("a claim is a message once it is committed, and rings the doorbell") {
  test::HandedOverPair pair;
  int64_t offset = -1;
  bool doorbell = true;
  bool has_data = true;
  REQUIRE(pair.server.ArmForData(&has_data).ok());
  REQUIRE(pair.client.Claim(100, &offset).ok());
  REQUIRE(offset == 16);
  std::memset(pair.client.own().data() + offset, 7, 100);
  REQUIRE(pair.server.ArmForData(&has_data).ok());
  CHECK_FALSE(has_data);
  CHECK(WriteOne(&pair.client, test::Payload(1)).status.code() == StatusCode::kInvalidArgument);
  CHECK(pair.client.Commit(1, 5, 101, &doorbell).code() == StatusCode::kInvalidArgument);
  CHECK_FALSE(doorbell);
  REQUIRE(pair.client.Commit(1, 5, 60, &doorbell).ok());
  CHECK(doorbell);
  CHECK(pair.client.Commit(1, 5, 60, &doorbell).code() == StatusCode::kInvalidArgument);
  test::Collector collector(&pair.server);
  uint32_t seen = 0;
  REQUIRE(collector.Collect(
      [&](uint32_t id, const std::byte* bytes, uint64_t length) {
        seen = id;
        CHECK(length == 60);
        CHECK(bytes[59] == std::byte{7});
      },
      &doorbell));
  CHECK(seen == 5);
  REQUIRE(pair.client.Claim(100, &offset).ok());
  REQUIRE(pair.client.Abort().ok());
  REQUIRE(pair.client.Abort().ok());
  CHECK(WriteOne(&pair.client, test::Payload(1)).wrote);
}

TEST_CASE("what is received in place stays until it is released") {
  test::HandedOverPair pair;
  const test::Payload payload = test::MakePayload(1, 500);
  MessageDescriptor descriptors[4];
  Batch batch = {.target = nullptr,
                 .target_bytes = 0,
                 .offset = 0,
                 .descriptors = descriptors,
                 .descriptors_max = 4};
  bool doorbell = false;
  REQUIRE(WriteOne(&pair.client, payload, 3).wrote);
  REQUIRE(WriteOne(&pair.client, test::Payload(), 4).wrote);
  REQUIRE(pair.server.Receive(&batch, 0, false, &doorbell).ok());
  REQUIRE(batch.count == 2);
  CHECK(descriptors[0].id == 3);
  CHECK(descriptors[1].length == 0);
  const std::byte* bytes = pair.server.peer().data() + descriptors[0].offset;
  CHECK(std::memcmp(bytes, payload.data(), payload.size()) == 0);
  uint64_t depth = 0;
  REQUIRE(pair.client.DepthBytes(&depth).ok());
  CHECK(depth == RecordSpan(500) + RecordSpan(0));
  REQUIRE(pair.server.Release(&doorbell).ok());
  REQUIRE(pair.client.DepthBytes(&depth).ok());
  CHECK(depth == 0);
  // A whole message at a time, until a quarter of the ring waits to be released.
  Fill(&pair.client);
  batch.count = 0;
  REQUIRE(pair.server.Receive(&batch, 0, false, &doorbell).ok());
  CHECK(batch.count == 2);
  batch.count = 0;
  REQUIRE(pair.server.Receive(&batch, 0, false, &doorbell).ok());
  CHECK(batch.count == 0);
  REQUIRE(pair.server.Release(&doorbell).ok());
  REQUIRE(pair.server.Receive(&batch, 0, false, &doorbell).ok());
  CHECK(batch.count == 2);
}

TEST_CASE("a reader that frees room does not ring a writer that waits for data") {
  test::EndpointPair pair;
  Fill(&pair.first);
  bool has_data = true;
  REQUIRE(pair.first.ArmForData(&has_data).ok());
  CHECK_FALSE(has_data);
  bool doorbell = false;
  CHECK(Drain(&pair.second, &doorbell) == 8);
  CHECK_FALSE(doorbell);
}

TEST_CASE("a writer that waits for room is rung when a quarter is free, not before") {
  test::EndpointPair pair;
  while (WriteOne(&pair.first, test::Payload(kInlineMax / 2 - 8)).wrote) {
  }
  bool has_room = true;
  REQUIRE(pair.first.ArmForRoom(kInlineMax, &has_room).ok());
  REQUIRE_FALSE(has_room);
  test::Payload target(kInlineMax);
  MessageDescriptor descriptor;
  bool doorbell = false;
  for (int index = 1; index <= 16; index++) {
    Batch batch = {.target = target.data(),
                   .target_bytes = target.size(),
                   .offset = 0,
                   .descriptors = &descriptor,
                   .descriptors_max = 1};
    REQUIRE(pair.second.Receive(&batch, 0, false, &doorbell).ok());
    REQUIRE(batch.count == 1);
    CHECK(doorbell == (index == 4));  // each is a sixteenth of the ring
  }
  REQUIRE(pair.first.ArmForRoom(kInlineMax, &has_room).ok());
  CHECK(has_room);
}

TEST_CASE("room is asked for in whole records") {
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

TEST_CASE("depth is what the peer has not read") {
  test::EndpointPair pair;
  uint64_t depth = 1;
  REQUIRE(pair.first.DepthBytes(&depth).ok());
  CHECK(depth == 0);
  REQUIRE(WriteOne(&pair.first, test::Payload(100)).wrote);
  REQUIRE(pair.first.DepthBytes(&depth).ok());
  CHECK(depth == RecordSpan(100));
  bool doorbell = false;
  CHECK(Drain(&pair.second, &doorbell) == 1);
  REQUIRE(pair.first.DepthBytes(&depth).ok());
  CHECK(depth == 0);
}

TEST_CASE("a receive of nothing ends after its spin") {
  test::EndpointPair pair;
  bool doorbell = false;
  Batch batch{};
  constexpr uint64_t kNanos = 1'000'000;
  const uint64_t before = platform::MonotonicNanos();
  REQUIRE(pair.first.Receive(&batch, kNanos, true, &doorbell).ok());
  CHECK(platform::MonotonicNanos() - before >= kNanos);
  CHECK(batch.count == 0);
  CHECK(batch.required_bytes == -1);
}

TEST_CASE("waits end with their time, and leave the word disarmed") {
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

TEST_CASE("what a closed peer wrote is read before its close is told") {
  test::HandedOverPair pair;
  REQUIRE(WriteOne(&pair.client, test::MakePayload(1, 10)).wrote);
  pair.client.Close();
  WaitOutcome outcome = WaitOutcome::kTimeout;
  REQUIRE(pair.server.Wait({.for_data = true, .timeout_nanos = test::kNeverNanos}, &outcome).ok());
  CHECK(outcome == WaitOutcome::kReady);
  bool doorbell = false;
  CHECK(Drain(&pair.server, &doorbell) == 1);
  REQUIRE(pair.server.Wait({.for_data = true, .timeout_nanos = test::kNeverNanos}, &outcome).ok());
  CHECK(outcome == WaitOutcome::kClosed);
  REQUIRE(pair.server.Wait({.room_length = 1, .timeout_nanos = test::kNeverNanos}, &outcome).ok());
  CHECK(outcome == WaitOutcome::kClosed);
}

TEST_CASE("a violation of the writer's peer stays") {
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
