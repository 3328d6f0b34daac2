#pragma once

// A ring whose peer breaks the rules.

#include <functional>
#include <string>

#include "test/support.h"

namespace shmwire::test {

// The peer's side of a ring.
class ForgedRing {
 public:
  explicit ForgedRing(uint64_t ring_bytes = kRingBytes) : ring_(ring_bytes) {}

  void Tail(uint64_t position) { ring_.writer_segment.control()->tail.StoreRelaxed(position); }
  void Header(uint64_t position, const RecordHeader& header) {
    StoreRecordHeader(ring_.writer_segment.data() + (position & (kRingBytes - 1)), header);
  }
  // After MOVE.
  void LargeHeader(uint64_t position, const RecordHeader& header) {
    const uint64_t mask = ring_.writer_segment.ring_bytes() - 1;
    StoreRecordHeader(ring_.writer_segment.data() + (position & mask), header);
  }
  void Total(uint64_t position, uint64_t total) {
    std::memcpy(ring_.writer_segment.data() + (position & (kRingBytes - 1)) + kRecordHeaderBytes,
                &total, sizeof(total));
  }
  // Writes and reads valid messages up to `position`.
  void Advance(uint64_t position) {
    uint64_t tail = 0;
    while (tail < position) {
      const uint64_t left = position - tail - kRecordHeaderBytes;
      const uint64_t length = left < kInlineMax ? left : kInlineMax;
      REQUIRE(WriteAll(&ring_.writer, 1, 0, Payload(length)));
      tail += RecordSpan(length);
      sequence_++;
      REQUIRE(ReadAll(&ring_.reader).size() == 1);
    }
  }
  [[nodiscard]] uint32_t sequence() const { return sequence_; }

  // Reads all data as Endpoint does: whole messages and fragments.
  Status Read() {
    Payload target(kRingBytes);
    MessageDescriptor descriptors[16];
    for (;;) {
      if (Status status = ring_.reader.Poll(); !status.ok()) return status;
      Batch batch = {.target = target.data(),
                     .target_bytes = target.size(),
                     .offset = 0,
                     .descriptors = descriptors,
                     .descriptors_max = 16};
      bool more = false;
      if (Status status = ring_.reader.Receive(&batch, &more); !status.ok()) return status;
      ring_.reader.Release();
      if (!batch.fragmented && batch.count == 0 && !more) return {};
      if (!batch.fragmented) continue;
      Payload whole(static_cast<size_t>(batch.required_bytes));
      AssembledMessage message;
      Status status = ring_.reader.Assemble(whole.data(), whole.size(), &message, &more);
      if (!status.ok()) return status;
      ring_.reader.Release();
    }
  }

 private:
  RingPair ring_;
  uint32_t sequence_ = 0;
};

inline void CheckCorrupt(ForgedRing* ring, const char* context) {
  const Status status = ring->Read();
  CHECK(status.code() == StatusCode::kCorrupt);
  CHECK(std::string(status.context()) == context);
}

// Expects `context` for one record at position 0 with the tail after it.
inline void CheckRecord(const RecordHeader& header, uint64_t tail, const char* context) {
  ForgedRing ring;
  ring.Header(0, header);
  ring.Tail(tail);
  CheckCorrupt(&ring, context);
}

// A valid record, which the forged ones vary.
inline constexpr RecordHeader kHonest = {
    .length = 16, .kind = 1, .flags = kFlagsWhole, .id = 0, .sequence = 0};

inline RecordHeader With(const std::function<void(RecordHeader*)>& change) {
  RecordHeader header = kHonest;
  change(&header);
  return header;
}

}  // namespace shmwire::test
