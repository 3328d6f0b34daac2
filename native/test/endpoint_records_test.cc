#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "core/ring_layout.h"
#include "test/endpoint_support.h"

TEST_SUITE_BEGIN("endpoint_records_test");

namespace shmwire {
namespace {

using test::kInlineMax;
using test::kMessageBytesMax;
using test::kRingBytes;

// Records for WriteRecords.
class Records {
 public:
  void Add(uint16_t kind, uint32_t id, const test::Payload& payload) {
    const RecordHeader header = {.length = static_cast<uint32_t>(payload.size()),
                                 .kind = kind,
                                 .flags = 0xffff,
                                 .id = id,
                                 .sequence = 77};
    const size_t start = bytes_.size();
    bytes_.resize(start + RecordSpan(payload.size()));
    std::memcpy(&bytes_[start], &header, sizeof(header));
    if (!payload.empty())
      std::memcpy(&bytes_[start] + sizeof(header), payload.data(), payload.size());
  }
  void AddHeader(const RecordHeader& header) {
    const size_t start = bytes_.size();
    bytes_.resize(start + sizeof(header));
    std::memcpy(&bytes_[start], &header, sizeof(header));
  }
  void Remove(uint64_t count) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<int64_t>(count));
  }
  void Cut(uint64_t count) { bytes_.resize(bytes_.size() - count); }

  Status Write(Endpoint* endpoint) {
    return endpoint->WriteRecords(bytes_.data(), bytes_.size(), &taken, &needs_wake);
  }
  [[nodiscard]] size_t size() const { return bytes_.size(); }

  uint64_t taken = 99;
  bool needs_wake = true;

 private:
  test::Payload bytes_;
};

std::vector<std::pair<uint32_t, test::Payload>> Read(Endpoint* endpoint) {
  std::vector<std::pair<uint32_t, test::Payload>> messages;
  test::Collector collector(endpoint);
  bool needs_wake = false;
  const auto sink = [&](uint32_t id, const std::byte* data, uint64_t bytes) {
    messages.emplace_back(id, test::Payload(data, data + bytes));
  };
  while (collector.Collect(sink, &needs_wake)) {
  }
  REQUIRE(collector.status().ok());
  return messages;
}

}  // namespace

TEST_CASE("writes records of all lengths together, with their kinds and ids, and in order") {
  test::EndpointPair pair;
  Records records;
  std::vector<test::Payload> payloads;
  for (const uint64_t length : {uint64_t{0}, uint64_t{1}, uint64_t{16}, uint64_t{17}, kInlineMax}) {
    payloads.push_back(test::MakePayload(length, length));
    records.Add(1, static_cast<uint32_t>(payloads.size()), payloads.back());
  }
  REQUIRE(records.Write(&pair.first).ok());
  CHECK(records.taken == records.size());
  CHECK_FALSE(records.needs_wake);
  const auto messages = Read(&pair.second);
  REQUIRE(messages.size() == payloads.size());
  for (size_t index = 0; index < payloads.size(); index++) {
    CHECK(messages[index].first == index + 1);
    CHECK(messages[index].second == payloads[index]);
  }
}

TEST_CASE("wakes a sleeping peer once for all records") {
  test::EndpointPair pair;
  bool has_data = true;
  REQUIRE(pair.second.ArmForData(&has_data).ok());
  REQUIRE_FALSE(has_data);
  Records records;
  for (uint32_t id = 0; id < 3; id++) records.Add(1, id, test::MakePayload(id, 20));
  REQUIRE(records.Write(&pair.first).ok());
  CHECK(records.needs_wake);
  REQUIRE(records.Write(&pair.first).ok());
  CHECK_FALSE(records.needs_wake);
}

TEST_CASE("writes as many records as there is room for, and the rest later") {
  test::EndpointPair pair;
  Records records;
  const uint64_t count = 2 * kRingBytes / RecordSpan(64);
  for (uint32_t id = 0; id < count; id++) records.Add(1, id, test::MakePayload(id, 64));
  uint32_t next = 0;
  while (records.size() > 0) {
    REQUIRE(records.Write(&pair.first).ok());
    REQUIRE(records.taken > 0);
    CHECK(records.taken % RecordSpan(64) == 0);
    records.Remove(records.taken);
    Records more;
    more.Add(1, 0, test::Payload(kInlineMax));
    if (records.size() > 0) {
      REQUIRE(more.Write(&pair.first).ok());
      CHECK(more.taken == 0);
    }
    for (const auto& [id, payload] : Read(&pair.second)) {
      CHECK(id == next);
      CHECK(payload == test::MakePayload(next, 64));
      next++;
    }
  }
  CHECK(next == count);
}

TEST_CASE("refuses a wrong record, after those before it") {
  const uint32_t longest = static_cast<uint32_t>(kInlineMax);
  const std::pair<RecordHeader, StatusCode> wrong[] = {
      {{.length = 0, .kind = 0, .flags = 0, .id = 0, .sequence = 0}, StatusCode::kInvalidArgument},
      {{.length = 1, .kind = 1, .flags = 0, .id = 0, .sequence = 0}, StatusCode::kInvalidArgument},
      {{.length = longest + 1, .kind = 1, .flags = 0, .id = 0, .sequence = 0},
       StatusCode::kInvalidArgument},
      {{.length = 0xffff'ffff, .kind = 1, .flags = 0, .id = 0, .sequence = 0},
       StatusCode::kInvalidArgument}};
  for (const auto& [header, code] : wrong) {
    test::EndpointPair pair;
    Records records;
    records.Add(1, 5, test::MakePayload(5, 10));
    records.AddHeader(header);
    CHECK(records.Write(&pair.first).code() == code);
    CHECK(records.taken == RecordSpan(10));
    CHECK(Read(&pair.second).size() == 1);
  }
  test::EndpointPair pair;
  Records records;
  records.Add(1, 5, test::MakePayload(5, 10));
  records.Add(1, 6, test::MakePayload(6, 10));
  records.Cut(RecordSpan(10) - kRecordHeaderBytes / 2);
  CHECK(records.Write(&pair.first).code() == StatusCode::kInvalidArgument);
  CHECK(Read(&pair.second).size() == 1);
}

TEST_CASE("refuses a record beyond the longest message") {
  test::EndpointPair pair(kRingBytes, 10);
  Records records;
  records.Add(1, 5, test::MakePayload(5, 11));
  CHECK(records.Write(&pair.first).code() == StatusCode::kMessageTooLarge);
  CHECK(records.taken == 0);
  CHECK(Read(&pair.second).empty());
}

TEST_CASE("refuses records without a peer, while a claim is open, and after the close") {
  Endpoint alone;
  REQUIRE(alone.Create(kRingBytes, kMessageBytesMax).ok());
  Records records;
  records.Add(1, 1, test::MakePayload(1, 8));
  CHECK(records.Write(&alone).code() == StatusCode::kInvalidArgument);
  test::EndpointPair pair;
  int64_t offset = 0;
  bool needs_wake = false;
  REQUIRE(pair.first.Claim(8, &offset, &needs_wake).ok());
  CHECK(records.Write(&pair.first).code() == StatusCode::kInvalidArgument);
  REQUIRE(pair.first.Abort().ok());
  CHECK(records.Write(&pair.first).ok());
  pair.first.Close();
  CHECK(records.Write(&pair.first).code() == StatusCode::kClosed);
}

}  // namespace shmwire
