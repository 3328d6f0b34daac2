#pragma once

// Support for several test files.

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
#include "platform/handle.h"

namespace shmwire {

inline std::ostream& operator<<(std::ostream& stream, StatusCode code) {
  return stream << "StatusCode " << static_cast<int>(code);
}

}  // namespace shmwire

namespace shmwire::test {

inline constexpr uint64_t kRingBytes = kRingBytesMin;
inline constexpr uint64_t kInlineMax = InlineBytesMax(kRingBytes);
inline constexpr uint64_t kMessageBytesMax = uint64_t{1} << 20;
// Far above the time of any correct run: a longer wait is a lost wake-up.
inline constexpr uint64_t kNeverNanos = 60'000'000'000;

// Small, fast and deterministic (Marsaglia, Xorshift RNGs, 2003).
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

// SHMWIRE_TEST_SEED, or a new seed for each process. Print it.
uint64_t Seed();

using Payload = std::vector<std::byte>;

// A sequence of bytes that no other message has.
Payload MakePayload(uint64_t index, uint64_t bytes);

// Memory such as a peer sends, but without a header.
platform::Handle MakeMemory();

// The number of open descriptors in this process.
size_t OpenDescriptorCount();

// A file name in a new directory, which the destructor removes.
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

inline uint64_t PrintedSeed() {
  const uint64_t seed = Seed();
  MESSAGE("SHMWIRE_TEST_SEED=", seed);
  return seed;
}

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

// Writes and publishes a message in as many records as it needs. False: there was too little room.
bool WriteAll(RingWriter* writer, uint16_t kind, uint32_t id, const Payload& payload);

// Reads and releases messages until the ring is empty, fragmented ones included.
std::vector<Received> ReadAll(RingReader* reader);

}  // namespace shmwire::test
