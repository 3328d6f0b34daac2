#pragma once

// What several test files need.

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ostream>
#include <string>
#include <vector>

#include "core/ring_layout.h"
#include "core/ring_reader.h"
#include "core/ring_writer.h"
#include "core/segment.h"
#include "core/status.h"

namespace shmwire {

inline std::ostream& operator<<(std::ostream& stream, StatusCode code) {
  return stream << "StatusCode " << static_cast<int>(code);
}

}  // namespace shmwire

namespace shmwire::test {

inline constexpr uint64_t kRingBytes = kRingBytesMin;
inline constexpr uint64_t kInlineMax = InlineBytesMax(kRingBytes);
inline constexpr uint64_t kMessageBytesMax = uint64_t{1} << 20;
// A bound that no correct run comes near: a wait that long is a lost wake-up.
inline constexpr uint64_t kNeverNanos = 60'000'000'000;

// Small, fast and the same everywhere (Marsaglia, Xorshift RNGs, 2003).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed | 1) {}
  uint64_t Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }
  uint64_t Below(uint64_t bound) { return Next() % bound; }

 private:
  uint64_t state_;
};

// SHMWIRE_TEST_SEED, or another one each time. Print it.
uint64_t Seed();

using Payload = std::vector<std::byte>;

// Bytes that no other message has in this order.
Payload MakePayload(uint64_t index, uint64_t bytes);

// Mappings of segments in this process.
size_t SegmentMappingCount();

// Descriptors of this process that are open.
size_t OpenDescriptorCount();

// A file name in a directory of this process's own, which is gone afterwards.
class TemporaryPath {
 public:
  explicit TemporaryPath(const char* name);
  ~TemporaryPath();
  TemporaryPath(const TemporaryPath&) = delete;
  TemporaryPath& operator=(const TemporaryPath&) = delete;
  [[nodiscard]] const char* c_str() const { return path_.c_str(); }

 private:
  std::string directory_;
  std::string path_;
};

inline OwnSegment MakeSegment(uint64_t ring_bytes = kRingBytes) {
  OwnSegment segment;
  REQUIRE(OwnSegment::Create(ring_bytes, &segment).ok());
  return segment;
}

// One direction: the writer's segment and the reader's, over the same mappings.
struct RingPair {
  explicit RingPair(uint64_t ring_bytes = kRingBytes, uint64_t message_bytes_max = kMessageBytesMax)
      : writer_segment(MakeSegment(ring_bytes)),
        reader_segment(MakeSegment()),
        writer_view(PeerSegment::Borrow(writer_segment)),
        reader_view(PeerSegment::Borrow(reader_segment)),
        writer(writer_segment, reader_view),
        reader(writer_view, reader_segment, message_bytes_max) {}

  OwnSegment writer_segment;
  OwnSegment reader_segment;
  PeerSegment writer_view;
  PeerSegment reader_view;
  RingWriter writer;
  RingReader reader;
};

struct Received {
  uint32_t kind;
  uint32_t id;
  Payload payload;
};

// Writes and publishes all of the message, in as many records as it takes. False when there was no
// room for all.
bool WriteAll(RingWriter* writer, uint16_t kind, uint32_t id, const Payload& payload);

// Reads and releases whole messages until the ring is empty, fragmented ones included.
std::vector<Received> ReadAll(RingReader* reader);

}  // namespace shmwire::test
