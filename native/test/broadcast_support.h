#pragma once

// Topics for tests: a writer and readers over the same mapping.

#include <deque>

#include "core/broadcast_reader.h"
#include "core/broadcast_writer.h"
#include "test/support.h"

namespace shmwire::test {

inline OwnSegment MakeBroadcastSegment(uint64_t ring_bytes = kRingBytes) {
  OwnSegment segment;
  REQUIRE(OwnSegment::Create(SegmentKind::kBroadcast, ring_bytes, &segment).ok());
  return segment;
}

// The key, headers and body of a message, all from its sequence.
struct TestMessage {
  explicit TestMessage(uint64_t sequence, uint64_t body_bytes, uint64_t key_bytes = 0,
                       uint64_t headers_bytes = 0)
      : prefix(MakePayload(2 * sequence, key_bytes + headers_bytes)),
        body(MakePayload(2 * sequence + 1, body_bytes)),
        key_length(key_bytes) {}

  [[nodiscard]] BroadcastMessage parts() const {
    return {.prefix = prefix.data(),
            .key_bytes = key_length,
            .headers_bytes = prefix.size() - key_length,
            .body = body.data(),
            .body_bytes = body.size()};
  }
  [[nodiscard]] Payload bytes() const {
    Payload all = prefix;
    all.insert(all.end(), body.begin(), body.end());
    return all;
  }

  Payload prefix;
  Payload body;
  uint64_t key_length;
};

struct BroadcastReceived {
  uint64_t sequence;
  uint64_t lost;  // before it
  uint64_t key_bytes;
  uint64_t headers_bytes;
  Payload payload;
};

// A batch with its memory.
struct BatchMemory {
  explicit BatchMemory(uint64_t target_bytes = kRingBytes, uint32_t descriptors_max = 256)
      : target(target_bytes), descriptors(descriptors_max) {}

  [[nodiscard]] BroadcastBatch batch() {
    return {.target = target.data(),
            .target_bytes = target.size(),
            .descriptors = descriptors.data(),
            .descriptors_max = static_cast<uint32_t>(descriptors.size())};
  }
  [[nodiscard]] std::vector<BroadcastReceived> Messages(const BroadcastBatch& batch) const {
    std::vector<BroadcastReceived> messages;
    for (uint32_t index = 0; index < batch.count; index++) {
      const BroadcastDescriptor& one = descriptors[index];
      const uint64_t bytes = uint64_t{one.key_bytes} + one.headers_bytes + one.body_bytes;
      const auto begin = target.begin() + one.offset;
      messages.push_back({.sequence = batch.first_sequence + index,
                          .lost = index == 0 ? batch.lost : 0,
                          .key_bytes = one.key_bytes,
                          .headers_bytes = one.headers_bytes,
                          .payload = Payload(begin, begin + static_cast<ptrdiff_t>(bytes))});
    }
    return messages;
  }

  Payload target;
  std::vector<BroadcastDescriptor> descriptors;
};

struct BroadcastPair {
  explicit BroadcastPair(uint64_t ring_bytes = kRingBytes)
      : segment(MakeBroadcastSegment(ring_bytes)),
        view(PeerSegment::Borrow(segment)),
        writer(segment),
        reader(view) {}

  void Write(uint64_t body_bytes) {
    writer.Write(TestMessage(writer.sequence() + 1, body_bytes).parts());
  }
  [[nodiscard]] BroadcastControl* control() const { return segment.control_as<BroadcastControl>(); }

  OwnSegment segment;
  PeerSegment view;
  BroadcastWriter writer;
  BroadcastReader reader;
};

// Receives everything that is published. Checks the sequences, and that no batch stays behind.
inline std::vector<BroadcastReceived> ReceiveAll(BroadcastReader* reader) {
  std::vector<BroadcastReceived> all;
  BatchMemory memory;
  for (;;) {
    REQUIRE(reader->Poll().ok());
    BroadcastBatch batch = memory.batch();
    const uint64_t expected = reader->next_sequence();
    REQUIRE(reader->Receive(&batch).ok());
    REQUIRE_FALSE(batch.behind);
    if (batch.count == 0) return all;
    REQUIRE(batch.first_sequence == expected + batch.lost);
    for (BroadcastReceived& one : memory.Messages(batch)) all.push_back(std::move(one));
  }
}

}  // namespace shmwire::test
