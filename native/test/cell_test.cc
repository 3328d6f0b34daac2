#include "test/cell_support.h"

TEST_SUITE_BEGIN("cell_test");

namespace shmwire {
namespace {

using test::CellPair;
using test::MakePayload;
using test::Payload;

}  // namespace

TEST_CASE("has no value before the first one") {
  CellPair pair;
  CellValue value = {.version = 9, .length = 9, .behind = true};
  REQUIRE(pair.Get(&value).ok());
  CHECK(value.version == 0);
  CHECK(value.length == 0);
}

TEST_CASE("returns the newest value of every length") {
  CellPair pair;
  for (uint64_t bytes = 0; bytes <= 2040; bytes++) {
    pair.Set(MakePayload(bytes, bytes));
    CHECK(pair.writer.version() == bytes + 1);
    CellValue value;
    REQUIRE(pair.Get(&value).ok());
    REQUIRE(value.version == bytes + 1);
    REQUIRE(pair.Copied(value) == MakePayload(bytes, bytes));
  }
}

TEST_CASE("stores a value as docs/memory-layout.md describes it") {
  CellPair pair;
  const Payload payload = MakePayload(1, 100);
  for (int version = 1; version <= 6; version++) pair.Set(payload);
  CHECK(pair.control()->sequence.LoadRelaxed() == 6);
  const std::byte* slot = pair.segment.data() + 2 * pair.segment.data_bytes() / 4;
  const uint64_t length = 100;
  CHECK(std::memcmp(slot, &length, sizeof(length)) == 0);
  CHECK(std::memcmp(slot + 8, payload.data(), length) == 0);
}

TEST_CASE("copies nothing into a target that is too small") {
  CellPair pair;
  pair.Set(MakePayload(1, 10));
  Payload target(16);
  CellValue value;
  REQUIRE(pair.reader.Get(target.data(), 9, &value).ok());
  CHECK(value.length == 10);
  CHECK(target == Payload(16));
  REQUIRE(pair.reader.Get(target.data(), 10, &value).ok());
  CHECK(value.length == 10);
  // Nothing after the value, either.
  Payload expected = MakePayload(1, 10);
  expected.resize(16);
  CHECK(target == expected);
}

TEST_CASE("keeps the newest value while the next one is written") {
  CellPair pair;
  pair.Set(MakePayload(1, 100));
  // A writer that dies after the words of the second value.
  std::memset(pair.segment.data() + 2 * pair.segment.data_bytes() / 4, 0xFF, 100);
  CellValue value;
  REQUIRE(pair.Get(&value).ok());
  CHECK(value.version == 1);
  CHECK(pair.Copied(value) == MakePayload(1, 100));
}

TEST_CASE("rejects versions that move back or are impossible") {
  CellPair pair;
  for (int count = 0; count < 5; count++) pair.Set(MakePayload(1, 1));
  CellValue value;
  REQUIRE(pair.Get(&value).ok());
  for (const uint64_t sequence : {uint64_t{0}, uint64_t{4}, kCellVersionMax + 1, UINT64_MAX}) {
    pair.control()->sequence.StoreRelaxed(sequence);
    CHECK(pair.Get(&value).code() == StatusCode::kCorrupt);
    uint64_t version = 0;
    CHECK(pair.reader.LoadVersion(&version).code() == StatusCode::kCorrupt);
  }
}

TEST_CASE("rejects a value that is longer than its slot") {
  for (const uint64_t length : {uint64_t{2041}, uint64_t{1} << 32, UINT64_MAX}) {
    CellPair pair;
    pair.Set(MakePayload(1, 1));
    std::memcpy(pair.segment.data() + pair.segment.data_bytes() / 4, &length, sizeof(length));
    CellValue value;
    CHECK(pair.Get(&value).code() == StatusCode::kCorrupt);
  }
}

}  // namespace shmwire

TEST_SUITE_END();
