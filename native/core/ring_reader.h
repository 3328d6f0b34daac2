#pragma once

// Copies records out of the peer's ring, or shows where they lie: the only code that moves head.
// Format: ring_layout.h.
//
// Used by one thread. What the peer wrote is input: each word is loaded once into a local, checked,
// and only then used. Invariants:
//  1. head_, sequence_ and message_ are private and never read back from memory.
//  2. tail_ is the last tail that passed the check, so tail_ - head_ <= capacity always.
//  3. Payload is copied without a check of its bytes; a peer that breaks the rules garbles its own
//  message
//     and nothing else.
//  4. head_ may be ahead of the published head until Release.
//  5. Every loop consumes at least a header's bytes of [head_, tail_) each turn, so it ends
//  whatever the peer writes.

#include <cstddef>
#include <cstdint>

#include "core/ring_layout.h"
#include "core/segment.h"
#include "core/status.h"

namespace shmwire {

// Where a received message lies in the target. Shared with JavaScript as four words.
struct MessageDescriptor {
  uint32_t kind;
  uint32_t id;
  uint32_t offset;
  uint32_t length;
};
inline constexpr uint32_t kDescriptorWords = 4;
static_assert(sizeof(MessageDescriptor) == kDescriptorWords * sizeof(uint32_t));

// Payloads start at such offsets of the target, so that typed views over them are possible.
inline constexpr uint64_t kTargetAlignment = 8;

// What a batch is copied into, and how far it got. Without a target nothing is copied: the
// descriptors' offsets are of the peer's data area, where the payloads stay until Release.
struct Batch {
  std::byte* target;
  uint64_t target_bytes;  // at most 2^32
  uint64_t offset;        // of the first free byte; the next payload starts aligned after it
  MessageDescriptor* descriptors;
  uint32_t descriptors_max;
  uint32_t count = 0;
  // Bytes of the next message when it did not fit, or is fragmented; else -1.
  int64_t required_bytes = -1;
  bool fragmented = false;
};

// A message that travels in fragments: how much of it was copied and, once that is all, what it is.
struct AssembledMessage {
  uint64_t received_bytes = 0;
  bool whole = false;
  uint16_t kind = 0;
  uint32_t id = 0;
};

class RingReader {
 public:
  // Both segments must outlive the reader. Longer messages are kCorrupt.
  RingReader(const PeerSegment& peer, const OwnSegment& own, uint64_t message_bytes_max);

  // Looks how far the peer has written. Errors: kCorrupt (the peer's tail).
  Status Poll();
  // Looks for the last time: Poll finds nothing more from now on. For a peer that has hung up.
  Status Freeze();
  // Of the last Poll.
  [[nodiscard]] bool has_data() const { return head_ != tail_; }

  // Appends whole messages of what the last Poll saw to the batch. `*more` when it stopped only
  // because a quarter of the ring has been read since the last Release: release, and call again.
  // Errors: kCorrupt; the messages before the violation are in the batch.
  Status Receive(Batch* batch, bool* more);
  // Copies further fragments of what the last Poll saw into `target`, which has the bytes that
  // Receive required.
  // `*more` as above. Errors: kInvalidArgument (no fragmented message, or another size), kCorrupt.
  Status Assemble(std::byte* target, uint64_t target_bytes, AssembledMessage* message, bool* more);

  // Gives what was read back to the peer. False when there was nothing to give.
  bool Release();
  // Whether enough is free, as far as we see, to wake a peer that waits for room.
  [[nodiscard]] bool worth_ringing() const {
    return capacity_ - (tail_ - head_) >= QuarterBytes(capacity_);
  }

 private:
  // A message of which the first fragment's header has been read.
  struct PendingMessage {
    bool active = false;
    bool first_unread = false;  // its first fragment is still at head_, checked
    uint16_t kind = 0;
    uint32_t id = 0;
    uint64_t total_bytes = 0;
    uint64_t received_bytes = 0;
    uint64_t first_length = 0;  // payload of the first fragment, its prefix included
  };

  [[nodiscard]] const std::byte* At(uint64_t position) const {
    return data_ + (position & (capacity_ - 1));
  }
  [[nodiscard]] bool quarter_read() const { return head_ - released_ >= QuarterBytes(capacity_); }
  Status CheckRecord(const RecordHeader& header) const;
  Status CheckPad(const RecordHeader& header) const;
  Status CheckFragment(const RecordHeader& header) const;
  // Skips PADs, then loads and checks the header at head_. `*found` is false at the tail.
  Status NextRecord(RecordHeader* header, bool* found);
  Status BeginMessage(const RecordHeader& header);
  Status CopyFragment(std::byte* target);
  bool TakeWhole(const RecordHeader& header, Batch* batch);
  void Consume(uint64_t length);

  const std::byte* data_;
  const SharedWord<uint64_t>* peer_tail_word_;
  SharedWord<uint64_t>* own_head_;
  SegmentCounters* counters_;
  uint64_t capacity_;
  uint64_t inline_bytes_max_;
  uint64_t message_bytes_max_;

  bool frozen_ = false;
  uint64_t head_ = 0;
  uint64_t tail_ = 0;
  uint64_t released_ = 0;
  uint32_t sequence_ = 0;
  PendingMessage message_;
};

}  // namespace shmwire
