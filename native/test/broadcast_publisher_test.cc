#include "core/broadcast_publisher.h"

#include "test/attachment_support.h"

TEST_SUITE_BEGIN("broadcast_publisher_test");

namespace shmwire {
namespace {

using test::BatchMemory;
using test::HandoverPlace;
using test::kInlineMax;
using test::kRingBytes;
using test::Publish;
using test::SeekTo;

struct Topic {
  Topic() { REQUIRE(publisher.Create(kRingBytes).ok()); }

  bool Publish(uint64_t bytes = 0) {
    counts = {};
    const bool published = test::Publish(&publisher, sequence + 1, bytes, &counts);
    if (published) sequence++;
    return published;
  }

  HandoverPlace place;
  BroadcastPublisher publisher;
  uint64_t sequence = 0;
  WakeCounts counts;
};

BroadcastSubscriber::Received ReceiveOnce(BroadcastSubscriber* subscriber, BroadcastBatch* batch) {
  BroadcastSubscriber::Received received;
  REQUIRE(subscriber->Receive(batch, {}, &received).ok());
  return received;
}

uint32_t ReceiveCount(BroadcastSubscriber* subscriber) {
  BatchMemory memory;
  BroadcastBatch batch = memory.batch();
  (void)ReceiveOnce(subscriber, &batch);
  return batch.count;
}

}  // namespace

TEST_CASE("delivers to many readers, and wakes only those that sleep") {
  Topic topic;
  BroadcastSubscriber readers[7]{BroadcastSubscriber(false), BroadcastSubscriber(false),
                                 BroadcastSubscriber(false), BroadcastSubscriber(false),
                                 BroadcastSubscriber(false), BroadcastSubscriber(false),
                                 BroadcastSubscriber(false)};
  for (uint32_t index = 0; index < 7; index++) {
    CHECK(topic.place.Attach(&topic.publisher, &readers[index]) == index);
    SeekTo(&readers[index], SeekStart::kNext);
  }
  REQUIRE(topic.Publish(100));
  CHECK(topic.counts.wakes == 0);
  for (BroadcastSubscriber& reader : readers) CHECK(ReceiveCount(&reader) == 1);
  bool ready = true;
  for (int index = 0; index < 3; index++) {
    REQUIRE(readers[index].Arm(&ready).ok());
    REQUIRE_FALSE(ready);
  }
  REQUIRE(readers[1].Disarm().ok());
  topic.publisher.Detach(2);
  REQUIRE(topic.Publish(100));
  CHECK(topic.counts.wakes == 1);
  REQUIRE(topic.Publish(100));
  CHECK(topic.counts.wakes == 0);
  // The one that was detached keeps the memory, and is not woken any more.
  CHECK(ReceiveCount(&readers[2]) == 2);
}

TEST_CASE("wakes a reader whose process has closed its doorbell without a failure") {
  Topic topic;
  auto reader = std::make_unique<BroadcastSubscriber>(false);
  topic.place.Attach(&topic.publisher, reader.get());
  SeekTo(reader.get(), SeekStart::kNext);
  bool ready = true;
  REQUIRE(reader->Arm(&ready).ok());
  reader->Close();
  REQUIRE(topic.Publish());
  CHECK(topic.counts.unwoken == 0);
}

TEST_CASE("publishes nothing while a blocking reader has read too little") {
  Topic topic;
  BroadcastSubscriber blocking(true);
  BroadcastSubscriber losing(false);
  const uint32_t index = topic.place.Attach(&topic.publisher, &blocking, true);
  topic.place.Attach(&topic.publisher, &losing);
  SeekTo(&blocking, SeekStart::kNext);
  SeekTo(&losing, SeekStart::kNext);
  for (uint64_t count = 0; count < kRecordsPerRingMin; count++) {
    REQUIRE(topic.Publish(kInlineMax - 3));
  }
  CHECK_FALSE(topic.Publish());
  CHECK(topic.publisher.slowest() == index);
  bool has_room = true;
  REQUIRE(topic.publisher.ArmForRoom(&has_room).ok());
  CHECK_FALSE(has_room);
  BatchMemory memory;
  BroadcastBatch batch = memory.batch();
  CHECK_FALSE(ReceiveOnce(&losing, &batch).writer_waits);
  batch = memory.batch();
  CHECK(ReceiveOnce(&blocking, &batch).writer_waits);
  CHECK(batch.count == 1);
  batch = memory.batch();
  // Once in each epoch.
  CHECK_FALSE(ReceiveOnce(&blocking, &batch).writer_waits);
  REQUIRE(topic.publisher.ArmForRoom(&has_room).ok());
  CHECK(has_room);
  CHECK(topic.Publish(kInlineMax - 3));
  REQUIRE(topic.publisher.DisarmForRoom().ok());
  // A blocking reader loses nothing.
  uint64_t received = 2;
  while (const uint32_t count = ReceiveCount(&blocking)) received += count;
  CHECK(received == topic.sequence);
}

TEST_CASE("rejects a second position of a blocking reader") {
  Topic topic;
  BroadcastSubscriber blocking(true);
  topic.place.Attach(&topic.publisher, &blocking, true);
  REQUIRE(topic.Publish(1));
  SeekTo(&blocking, SeekStart::kNext);
  uint64_t next = 0;
  CHECK(blocking.Seek(SeekStart::kOldest, 0, &next).code() == StatusCode::kInvalidArgument);
  BroadcastSubscriber losing(false);
  topic.place.Attach(&topic.publisher, &losing);
  SeekTo(&losing, SeekStart::kNext);
  SeekTo(&losing, SeekStart::kOldest);
  CHECK(ReceiveCount(&losing) == 1);
}

TEST_CASE("no longer waits for a blocking reader that was detached") {
  Topic topic;
  BroadcastSubscriber reader(true);
  const uint32_t index = topic.place.Attach(&topic.publisher, &reader, true);
  while (topic.Publish(kInlineMax - 3)) CHECK(topic.sequence <= kRecordsPerRingMin);
  topic.publisher.Detach(index);
  topic.publisher.Detach(index);
  CHECK(topic.publisher.slowest() == ReaderHeads::kNoReader);
  for (int count = 0; count < 20; count++) CHECK(topic.Publish(kInlineMax - 3));
}

TEST_CASE("shows readers the last messages, then the close") {
  Topic topic;
  BroadcastSubscriber reader(false);
  BroadcastSubscriber asleep(false);
  topic.place.Attach(&topic.publisher, &reader);
  topic.place.Attach(&topic.publisher, &asleep);
  SeekTo(&reader, SeekStart::kNext);
  SeekTo(&asleep, SeekStart::kNext);
  REQUIRE(topic.Publish());
  CHECK(ReceiveCount(&asleep) == 1);
  bool ready = true;
  REQUIRE(asleep.Arm(&ready).ok());
  REQUIRE_FALSE(ready);
  const intptr_t doorbell = asleep.attachment()->TransferDoorbell();
  topic.publisher.Close();
  char wake_up = 1;
  CHECK(read(static_cast<int>(doorbell), &wake_up, 1) == 1);
  BatchMemory memory;
  BroadcastBatch batch = memory.batch();
  CHECK_FALSE(ReceiveOnce(&reader, &batch).closed);
  CHECK(batch.count == 1);
  batch = memory.batch();
  CHECK(ReceiveOnce(&reader, &batch).closed);
  REQUIRE(reader.Arm(&ready).ok());
  CHECK(ready);
  WakeCounts counts;
  CHECK(topic.publisher.Wake(&counts).code() == StatusCode::kClosed);
}

TEST_CASE("refuses a reader without memory of a reader, and the next one still attaches") {
  Topic topic;
  const platform::Token token = topic.place.Expect();
  platform::Handle own;
  platform::Handle peer_end;
  REQUIRE(platform::MakeDoorbell(&own, &peer_end).ok());
  const OwnSegment ring = test::MakeSegment();
  bool full = true;
  REQUIRE(platform::SendToHandoverSocket(topic.place.path(), token, ring.handle(), peer_end, &full)
              .ok());
  uint32_t reader = 0;
  CHECK(topic.publisher.Accept(topic.place.socket(), token, true, &reader).code() ==
        StatusCode::kCorrupt);
  BroadcastSubscriber honest(false);
  CHECK(topic.place.Attach(&topic.publisher, &honest) == 0);
}

TEST_CASE("accepts 1,024 readers and no more") {
  Topic topic;
  std::vector<std::unique_ptr<BroadcastSubscriber>> readers;
  for (uint32_t index = 0; index < AttachedReaders::kReadersMax; index++) {
    readers.push_back(std::make_unique<BroadcastSubscriber>(index % 2 == 0));
    uint32_t reader = 0;
    REQUIRE(readers.back()->AttachOwn(&topic.publisher, &reader).ok());
    REQUIRE(reader == index);
  }
  BroadcastSubscriber further(false);
  uint32_t reader = 0;
  CHECK(further.AttachOwn(&topic.publisher, &reader).code() == StatusCode::kUnavailable);
  topic.publisher.Detach(500);
  CHECK(further.AttachOwn(&topic.publisher, &reader).ok());
  CHECK(reader == 500);
  REQUIRE(topic.Publish(10));
  CHECK(topic.counts.wakes == 0);
}

TEST_CASE("keeps no descriptor of readers that left") {
  Topic topic;
  const size_t before = test::OpenDescriptorCount();
  for (int count = 0; count < 10; count++) {
    BroadcastSubscriber reader(true);
    const uint32_t index = topic.place.Attach(&topic.publisher, &reader, true);
    SeekTo(&reader, SeekStart::kOldest);
    topic.publisher.Detach(index);
  }
  CHECK(test::OpenDescriptorCount() == before);
}

}  // namespace shmwire

TEST_SUITE_END();
