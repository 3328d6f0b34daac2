#pragma once

// Writes records into the own broadcast segment. Only this class moves intent, tail and latest.
// Format: broadcast_layout.h.
//
// Used by one thread. Its positions and its sequence are private and never read back from memory.

#include <cstddef>
#include <cstdint>

#include "core/broadcast_layout.h"
#include "core/segment.h"

namespace shmwire {

// The parts of a message. Valid during the call.
struct BroadcastMessage {
  const std::byte* prefix = nullptr;  // the key, then the headers
  uint64_t key_bytes = 0;
  uint64_t headers_bytes = 0;
  const std::byte* body = nullptr;
  uint64_t body_bytes = 0;

  [[nodiscard]] uint64_t prefix_bytes() const { return key_bytes + headers_bytes; }
  [[nodiscard]] uint64_t length() const { return prefix_bytes() + body_bytes; }
};

class BroadcastWriter {
 public:
  // The segment must outlive the writer.
  explicit BroadcastWriter(const OwnSegment& own);

  [[nodiscard]] uint64_t length_max() const { return InlineBytesMax(capacity_); }
  [[nodiscard]] uint64_t tail() const { return tail_; }
  [[nodiscard]] uint64_t sequence() const { return sequence_; }

  // The tail after a record of `length`, which is at most length_max().
  [[nodiscard]] uint64_t TailAfter(uint64_t length) const {
    const uint64_t span = RecordSpan(length);
    return tail_ + PadBefore(span) + span;
  }
  // Writes and publishes a record, over the oldest ones. Its parts are not longer than
  // kKeyBytesMax, kHeadersBytesMax and length_max().
  void Write(const BroadcastMessage& message);

 private:
  [[nodiscard]] uint64_t PadBefore(uint64_t span) const;
  [[nodiscard]] std::byte* At(uint64_t position) const {
    return data_ + (position & (capacity_ - 1));
  }
  void Mark(uint64_t start);

  std::byte* data_;
  BroadcastControl* control_;
  uint64_t capacity_;

  uint64_t tail_ = 0;
  uint64_t sequence_ = 0;
  // The blocks that are marked: those before this one.
  uint64_t blocks_marked_ = 0;
};

}  // namespace shmwire
