// An elastic ring whose writer breaks the rules of growth.

#include <functional>

#include "test/forged_ring.h"

TEST_SUITE_BEGIN("ring_growth_corrupt_test");

namespace shmwire {
namespace {

using test::ForgedRing;

constexpr uint64_t kLargeBytes = uint64_t{1} << 18;

RecordHeader Step(GrowthStep step) {
  return {.length = 0, .kind = 0, .flags = 0, .id = static_cast<uint32_t>(step), .sequence = 0};
}

}  // namespace

TEST_CASE("rejects growth of a ring that is not elastic") {
  for (const GrowthStep step : {GrowthStep::kOffer, GrowthStep::kMove}) {
    ForgedRing ring;
    ring.Header(0, Step(step));
    ring.Tail(kSmallRingBytes);
    test::CheckCorrupt(&ring, step == GrowthStep::kOffer
                                  ? "a ring that cannot grow is offered to grow"
                                  : "a ring moves that was not accepted");
  }
}

TEST_CASE("rejects growth in a wrong order") {
  const uint64_t moved = PositionAfterMove(16, kLargeBytes);
  SUBCASE("a second offer") {
    ForgedRing ring(kLargeBytes);
    ring.Header(0, Step(GrowthStep::kOffer));
    ring.Header(16, Step(GrowthStep::kOffer));
    ring.Tail(32);
    test::CheckCorrupt(&ring, "a ring that cannot grow is offered to grow");
  }
  SUBCASE("a move without an offer") {
    ForgedRing ring(kLargeBytes);
    ring.Header(0, Step(GrowthStep::kMove));
    ring.Tail(16);
    test::CheckCorrupt(&ring, "a ring moves that was not accepted");
  }
  SUBCASE("a move past the published bytes") {
    ForgedRing ring(kLargeBytes);
    ring.Header(0, Step(GrowthStep::kOffer));
    ring.Header(16, Step(GrowthStep::kMove));
    ring.Tail(16);
    CHECK(ring.Read().ok());
    ring.Tail(moved - 16);
    test::CheckCorrupt(&ring, "a ring moves past the published bytes");
  }
  SUBCASE("a second move") {
    ForgedRing ring(kLargeBytes);
    ring.Header(0, Step(GrowthStep::kOffer));
    ring.Header(16, Step(GrowthStep::kMove));
    ring.LargeHeader(moved, Step(GrowthStep::kMove));
    // The reader accepts before the tail may be so far ahead.
    ring.Tail(16);
    CHECK(ring.Read().ok());
    ring.Tail(moved + 16);
    test::CheckCorrupt(&ring, "a ring moves that was not accepted");
  }
  SUBCASE("a tail beyond the small ring before the acceptance") {
    ForgedRing ring(kLargeBytes);
    ring.Tail(kSmallRingBytes + 16);
    test::CheckCorrupt(&ring, "the peer's tail is more than a ring ahead");
  }
}

TEST_CASE("rejects a growth step with other content") {
  const std::function<void(RecordHeader*)> changes[] = {
      [](RecordHeader* header) { header->length = 16; },
      [](RecordHeader* header) { header->flags = kFlagsWhole; },
      [](RecordHeader* header) { header->sequence = 1; },
      [](RecordHeader* header) { header->id = 0; },
      [](RecordHeader* header) { header->id = 3; },
  };
  for (const auto& change : changes) {
    RecordHeader header = Step(GrowthStep::kOffer);
    change(&header);
    ForgedRing ring(kLargeBytes);
    ring.Header(0, header);
    ring.Tail(32);
    test::CheckCorrupt(&ring, "a record has no kind");
  }
}

TEST_CASE("never moves a ring of which pages are missing") {
  const OwnSegment writer = test::MakeSegment(kLargeBytes);
  const OwnSegment reader = test::MakeSegment();
  PeerSegment view;
  REQUIRE(PeerSegment::Map(writer.handle(), &view).ok());
  if (!view.elastic()) {
    MESSAGE("skipped: this system cannot add pages");
    return;
  }
  RingReader ring(view, reader, test::kMessageBytesMax);
  StoreRecordHeader(writer.data(), Step(GrowthStep::kOffer));
  StoreRecordHeader(writer.data() + 16, Step(GrowthStep::kMove));
  writer.control()->tail.StoreRelaxed(16);
  REQUIRE(ring.Poll().ok());
  MessageDescriptor descriptor;
  std::byte target[8];
  Batch batch = {.target = target,
                 .target_bytes = 8,
                 .offset = 0,
                 .descriptors = &descriptor,
                 .descriptors_max = 1};
  bool more = false;
  CHECK(ring.Receive(&batch, &more).ok());
  CHECK(reader.control()->accepted.LoadRelaxed() == 0);
  writer.control()->tail.StoreRelaxed(32);
  REQUIRE(ring.Poll().ok());
  CHECK(ring.Receive(&batch, &more).code() == StatusCode::kCorrupt);
}

}  // namespace shmwire

TEST_SUITE_END();
