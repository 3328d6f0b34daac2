#include "core/reader_heads.h"

#include "test/support.h"

TEST_SUITE_BEGIN("reader_heads_test");

namespace shmwire {
namespace {

constexpr uint64_t kRing = 65'536;

uint64_t Head(uint64_t position) { return position | kHeadStarted; }

}  // namespace

TEST_CASE("has room for everything without readers") {
  ReaderHeads heads(kRing);
  CHECK(heads.HasRoom(1'000'000, 500'000));
  CHECK(heads.Slowest() == ReaderHeads::kNoReader);
  CHECK(heads.Violator() == ReaderHeads::kNoReader);
}

TEST_CASE("keeps room from the tail on for a reader that has not started") {
  ReaderHeads heads(kRing);
  const SharedWord<uint64_t> head{};
  REQUIRE(heads.Add(3, &head, 1600).ok());
  CHECK(heads.HasRoom(1600 + kRing, 3200));
  CHECK_FALSE(heads.HasRoom(1616 + kRing, 3200));
  CHECK(heads.Slowest() == 3);
}

TEST_CASE("keeps room for the slowest reader") {
  ReaderHeads heads(kRing);
  SharedWord<uint64_t> words[5]{};
  for (uint32_t reader = 0; reader < 5; reader++) {
    words[reader].StoreRelaxed(Head(1600 + 16 * reader));
    REQUIRE(heads.Add(10 + reader, &words[reader], 1600).ok());
  }
  CHECK_FALSE(heads.HasRoom(1616 + kRing, 6400));
  CHECK(heads.Slowest() == 10);
  words[0].StoreRelaxed(Head(6400));
  CHECK(heads.HasRoom(1616 + kRing, 6400));
  CHECK_FALSE(heads.HasRoom(1632 + kRing, 6400));
  CHECK(heads.Slowest() == 11);
  heads.Remove(11);
  heads.Remove(12);
  heads.Remove(99);
  CHECK(heads.HasRoom(1648 + kRing, 6400));
  CHECK(heads.Slowest() == 13);
}

TEST_CASE("lets a reader start at an older record, once") {
  ReaderHeads heads(kRing);
  SharedWord<uint64_t> head{};
  REQUIRE(heads.Add(0, &head, 3200).ok());
  CHECK(heads.HasRoom(3200 + kRing, 6400));
  head.StoreRelaxed(Head(1600));
  CHECK_FALSE(heads.HasRoom(1616 + kRing, 6400));
  CHECK(heads.Violator() == ReaderHeads::kNoReader);
  head.StoreRelaxed(Head(1584));
  CHECK(heads.HasRoom(1616 + kRing, 6400));
  CHECK(heads.Violator() == 0);
}

TEST_CASE("waits for started readers while others have not started") {
  ReaderHeads heads(kRing);
  SharedWord<uint64_t> words[6]{};
  for (uint32_t reader = 0; reader < 6; reader++) {
    REQUIRE(heads.Add(reader, &words[reader], 3200).ok());
  }
  CHECK(heads.HasRoom(3200 + kRing, 6400));
  words[1].StoreRelaxed(Head(6400));
  words[4].StoreRelaxed(Head(1600));
  CHECK_FALSE(heads.HasRoom(1616 + kRing, 6400));
  CHECK(heads.Slowest() == 4);
  words[4].StoreRelaxed(Head(6400));
  CHECK(heads.HasRoom(3200 + kRing, 6400));
  CHECK_FALSE(heads.HasRoom(3216 + kRing, 6400));
  for (const uint32_t reader : {0, 2, 3}) heads.Remove(reader);
  CHECK_FALSE(heads.HasRoom(3216 + kRing, 6400));
  CHECK(heads.Slowest() == 5);
  words[5].StoreRelaxed(Head(9999));
  CHECK(heads.HasRoom(6400 + kRing, 6400));
  CHECK(heads.Violator() == 5);
  heads.Remove(5);
  CHECK(heads.Violator() == ReaderHeads::kNoReader);
  heads.Remove(4);
  CHECK_FALSE(heads.HasRoom(6416 + kRing, 6400));
  CHECK(heads.Slowest() == 1);
}

TEST_CASE("no longer waits for a reader that breaks the rules") {
  for (const uint64_t word : {uint64_t{9}, uint64_t{16}, uint64_t{3200}, Head(6416), UINT64_MAX}) {
    CAPTURE(word);
    ReaderHeads heads(kRing);
    SharedWord<uint64_t> bad{};
    SharedWord<uint64_t> good{};
    REQUIRE(heads.Add(0, &bad, 1600).ok());
    REQUIRE(heads.Add(1, &good, 3200).ok());
    bad.StoreRelaxed(word);
    good.StoreRelaxed(Head(3200));
    CHECK(heads.HasRoom(3200 + kRing, 6400));
    CHECK_FALSE(heads.HasRoom(3216 + kRing, 6400));
    CHECK(heads.Violator() == 0);
    CHECK(heads.Slowest() == 1);
    heads.Remove(0);
    CHECK(heads.Violator() == ReaderHeads::kNoReader);
  }
}

}  // namespace shmwire

TEST_SUITE_END();
