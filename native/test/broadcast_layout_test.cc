#include "core/broadcast_layout.h"

#include "core/cell_layout.h"
#include "core/reader_layout.h"
#include "test/broadcast_support.h"

TEST_SUITE_BEGIN("broadcast_layout_test");

namespace shmwire {

TEST_CASE("has the sizes that docs/memory-layout.md states") {
  CHECK(sizeof(BroadcastControl) == 640);
  CHECK(BroadcastBlockBytes(kRingBytesMin) == 2048);
  CHECK(CellDataBytes(1) == 8192);
  CHECK(CellDataBytes(2040) == 8192);
  CHECK(CellDataBytes(2041) == 16384);
  CHECK(CellDataBytes(kCellValueBytesMax) == kRingBytesMax);
  CHECK(CellSlotBytes(8192) == 2048);
  CHECK(kCellValueBytesMax == 268'435'448);
}

TEST_CASE("allows only the sizes of each kind of segment") {
  for (const SegmentKind kind : {SegmentKind::kRing, SegmentKind::kBroadcast}) {
    CHECK(IsDataBytes(kind, 65'536));
    CHECK(IsDataBytes(kind, uint64_t{1} << 30));
    CHECK_FALSE(IsDataBytes(kind, 32'768));
    CHECK_FALSE(IsDataBytes(kind, 65'537));
    CHECK_FALSE(IsDataBytes(kind, uint64_t{1} << 31));
  }
  CHECK(IsDataBytes(SegmentKind::kCell, 8192));
  CHECK_FALSE(IsDataBytes(SegmentKind::kCell, 4096));
  CHECK_FALSE(IsDataBytes(SegmentKind::kCell, 12'288));
  CHECK(IsDataBytes(SegmentKind::kReader, 0));
  CHECK_FALSE(IsDataBytes(SegmentKind::kReader, 8192));
  CHECK_FALSE(IsDataBytes(static_cast<SegmentKind>(5), 65'536));
  OwnSegment segment;
  for (const SegmentKind kind : {SegmentKind::kBroadcast, SegmentKind::kCell}) {
    CHECK(OwnSegment::Create(kind, 100, &segment).code() == StatusCode::kInvalidArgument);
  }
}

TEST_CASE("maps each kind of segment, and no other kind in its place") {
  struct Case {
    SegmentKind kind;
    uint64_t data_bytes;
  };
  constexpr Case kCases[] = {{SegmentKind::kRing, 65'536},
                             {SegmentKind::kBroadcast, 65'536},
                             {SegmentKind::kCell, 65'536},
                             {SegmentKind::kCell, 8192},
                             {SegmentKind::kReader, 0}};
  for (const Case& made : kCases) {
    OwnSegment own;
    REQUIRE(OwnSegment::Create(made.kind, made.data_bytes, &own).ok());
    for (const Case& wanted : kCases) {
      PeerSegment peer;
      const Status status = PeerSegment::Map(wanted.kind, own.handle(), &peer);
      CHECK(status.ok() == (wanted.kind == made.kind));
      if (status.ok()) {
        CHECK(peer.data_bytes() == made.data_bytes);
      } else {
        CHECK(status.code() == StatusCode::kCorrupt);
      }
    }
  }
}

TEST_CASE("stores a record as docs/memory-layout.md describes it") {
  test::BroadcastPair pair;
  const test::TestMessage message(1, 20, 3, 5);
  pair.writer.Write(message.parts());
  const std::byte* data = pair.segment.data();
  const uint32_t length = 28;
  const uint16_t lengths[2] = {3, 5};
  const uint64_t sequence = 1;
  CHECK(std::memcmp(data, &length, 4) == 0);
  CHECK(std::memcmp(data + 4, lengths, 4) == 0);
  CHECK(std::memcmp(data + 8, &sequence, 8) == 0);
  CHECK(std::memcmp(data + 16, message.bytes().data(), length) == 0);
  CHECK(pair.control()->intent.LoadRelaxed() == 48);
  CHECK(pair.control()->tail.LoadRelaxed() == 48);
  CHECK(pair.control()->latest.LoadRelaxed() == 0);
  pair.writer.Write(message.parts());
  CHECK(pair.control()->tail.LoadRelaxed() == 96);
  CHECK(pair.control()->latest.LoadRelaxed() == 48);
}

}  // namespace shmwire

TEST_SUITE_END();
