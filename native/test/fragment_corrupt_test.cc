// Fragments from a peer that breaks the rules. ring_reader_corrupt_test.cc has the whole records.

#include <functional>
#include <string>

#include "test/forged_ring.h"

TEST_SUITE_BEGIN("fragment_corrupt_test");

namespace shmwire {
namespace {

using test::CheckCorrupt;
using test::CheckRecord;
using test::ForgedRing;
using test::kInlineMax;
using test::kMessageBytesMax;
using test::kRingBytes;
using test::With;

}  // namespace

TEST_CASE("rejects a message above the limit, whole or in fragments") {
  test::RingPair small(kRingBytes, 100);
  REQUIRE(test::WriteAll(&small.writer, 1, 0, test::Payload(100)));
  CHECK(test::ReadAll(&small.reader).size() == 1);
  REQUIRE(test::WriteAll(&small.writer, 1, 0, test::Payload(101)));
  REQUIRE(small.reader.Poll().ok());
  test::Payload target(1000);
  MessageDescriptor descriptor;
  Batch batch = {.target = target.data(),
                 .target_bytes = target.size(),
                 .offset = 0,
                 .descriptors = &descriptor,
                 .descriptors_max = 1};
  bool more = false;
  CHECK(std::string(small.reader.Receive(&batch, &more).context()) ==
        "a message is longer than maxMessageBytes");

  for (const uint64_t total : {kMessageBytesMax + 1, ~uint64_t{0}, uint64_t{1} << 63}) {
    ForgedRing ring;
    ring.Header(0, With([](RecordHeader* header) { header->flags = kFlagFirst; }));
    ring.Total(0, total);
    ring.Tail(32);
    CheckCorrupt(&ring, "a message is longer than maxMessageBytes");
  }
}

TEST_CASE("rejects an invalid first fragment") {
  for (const uint32_t length : {0U, 7U, 8U}) {
    ForgedRing ring;
    ring.Header(0, With([&](RecordHeader* header) {
                  header->flags = kFlagFirst;
                  header->length = length;
                }));
    ring.Total(0, 1000);
    ring.Tail(32);
    CheckCorrupt(&ring, "a first fragment is empty");
  }
  for (const uint64_t total : {uint64_t{0}, uint64_t{7}, uint64_t{8}}) {
    ForgedRing ring;
    ring.Header(0, With([](RecordHeader* header) { header->flags = kFlagFirst; }));  // 8 + 8 bytes
    ring.Total(0, total);
    ring.Tail(32);
    CheckCorrupt(&ring, "a first fragment is longer than its message");
  }
}

TEST_CASE("rejects a later fragment without a first one") {
  for (const uint16_t flags : {uint16_t{0}, kFlagLast}) {
    CheckRecord(With([&](RecordHeader* header) { header->flags = flags; }), 32,
                "a message does not begin with its first fragment");
  }
}

TEST_CASE("rejects a fragment that does not continue its message") {
  struct Case {
    std::function<void(RecordHeader*)> change;
    const char* context;
  };
  // After a first fragment with 8 of 24 bytes, of kind 1 and id 5. A middle one has 8 bytes.
  const Case cases[] = {
      {[](RecordHeader* header) { header->flags = kFlagFirst; }, "a message begins inside another"},
      {[](RecordHeader* header) { header->flags = kFlagsWhole; },
       "a message begins inside another"},
      {[](RecordHeader* header) { header->kind = 2; }, "a fragment belongs to another message"},
      {[](RecordHeader* header) { header->id = 6; }, "a fragment belongs to another message"},
      {[](RecordHeader* header) { header->length = 0; }, "a fragment is empty"},
      {[](RecordHeader* header) { header->length = 17; },
       "fragments are longer than their message"},
      {[](RecordHeader* header) { header->length = 16; },
       "the last fragment does not end its message"},
      {[](RecordHeader* header) { header->flags = kFlagLast; },
       "the last fragment does not end its message"},
      {[](RecordHeader* header) { header->sequence = 0; }, "a record is out of sequence"},
  };
  for (const Case& one : cases) {
    ForgedRing ring;
    ring.Header(0, {.length = 16, .kind = 1, .flags = kFlagFirst, .id = 5, .sequence = 0});
    ring.Total(0, 24);
    RecordHeader next = {.length = 8, .kind = 1, .flags = 0, .id = 5, .sequence = 1};
    one.change(&next);
    ring.Header(32, next);
    ring.Tail(32 + 48);
    CheckCorrupt(&ring, one.context);
  }
}

TEST_CASE("ignores a change of the total after it was checked") {
  test::RingPair pair;
  const test::Payload payload = test::MakePayload(1, kInlineMax + 100);
  REQUIRE(test::WriteAll(&pair.writer, 1, 1, payload));
  REQUIRE(pair.reader.Poll().ok());
  Batch batch = {.target = nullptr,
                 .target_bytes = 0,
                 .offset = 0,
                 .descriptors = nullptr,
                 .descriptors_max = 1};
  bool more = false;
  REQUIRE(pair.reader.Receive(&batch, &more).ok());
  REQUIRE(batch.required_bytes == static_cast<int64_t>(payload.size()));
  const uint64_t forged = ~uint64_t{0};
  std::memcpy(pair.writer_segment.data() + 16, &forged, sizeof(forged));
  StoreRecordHeader(pair.writer_segment.data(),
                    {.length = 0x7FFF'FFFF, .kind = 0, .flags = 9, .id = 9, .sequence = 9});
  test::Payload target(payload.size());
  AssembledMessage message;
  REQUIRE(pair.reader.Assemble(target.data(), target.size(), &message, &more).ok());
  CHECK(message.whole);
  CHECK(message.kind == 1);
  CHECK(target == payload);
}

}  // namespace shmwire

TEST_SUITE_END();
