#pragma once

// Copies records out of the peer's ring (ring_layout.h), or locates them. Only this class moves
// head.
//
// Used by one thread. Everything that the peer wrote is input: each word is loaded once into a
// local, checked, and only then used. Invariants:
//  1. head_, sequence_ and message_ are private and never read back from memory.
//  2. tail_ is the last tail that passed the check, so tail_ - head_ <= ahead_max_ always.
//  3. The payload's bytes are not checked: a peer that breaks the rules corrupts only its message.
//  4. head_ may be ahead of the published head until Release.
//  5. Each pass of a loop consumes at least a header of [head_, tail_), so every loop ends.
//  6. Pages of an elastic ring are used only after CheckPages has found them.

#include <cstddef>
#include <cstdint>

#include "core/ring_layout.h"
#include "core/segment.h"
#include "core/status.h"

namespace shmwire {

// Where a received message lies in the target. JavaScript reads it as four words.
struct MessageDescriptor {
  uint32_t kind;
  uint32_t id;
  uint32_t offset;
  uint32_t length;
};
inline constexpr uint32_t kDescriptorWords = 4;
static_assert(sizeof(MessageDescriptor) == kDescriptorWords * sizeof(uint32_t));

// Payloads start at multiples of this in the target, so that typed arrays over them are possible.
inline constexpr uint64_t kTargetAlignment = 8;

// The memory for a batch, and how much of it is filled. Without a target nothing is copied: offsets
// in descriptors are offsets in the peer's data area, where the payloads stay until Release.
struct Batch {
  std::byte* target;
  uint64_t target_bytes;  // at most 2^32
  uint64_t offset;        // of the first free byte; the next payload starts aligned after it
  MessageDescriptor* descriptors;
  uint32_t descriptors_max;
  uint32_t count = 0;
  // Length of the next message if it does not fit or is fragmented; otherwise -1.
  int64_t required_bytes = -1;
  bool fragmented = false;
};

// The progress of a fragmented message; its kind and id once it is whole.
struct AssembledMessage {
  uint64_t received_bytes = 0;
  bool whole = false;
  uint16_t kind = 0;
  uint32_t id = 0;
};

class RingReader {
 public:
  // Both segments must outlive the reader. A longer message is kCorrupt.
  RingReader(const PeerSegment& peer, const OwnSegment& own, uint64_t message_bytes_max);

  // Loads and checks the peer's tail. Errors: kCorrupt.
  Status Poll();
  // The last Poll: later ones find no new data. For a peer that has hung up.
  Status Freeze();
  // After the last Poll.
  [[nodiscard]] bool has_data() const { return head_ != tail_; }

  // Appends the whole messages that the last Poll found to the batch. `*more`: it stopped only
  // because a quarter of the ring was read since the last Release; call Release, then Receive
  // again. Errors: kCorrupt; the messages before the violation are in the batch.
  Status Receive(Batch* batch, bool* more);
  // Copies further fragments that the last Poll found into `target`, which has the required length.
  // `*more` as in Receive. Errors: kInvalidArgument (not fragmented, or another length), kCorrupt.
  Status Assemble(std::byte* target, uint64_t target_bytes, AssembledMessage* message, bool* more);

  // Releases everything that was read to the peer. False: nothing was read since the last Release.
  bool Release();
  // Whether the ring has enough room, as far as this side sees, to wake a peer that waits for room.
  // A ring that is accepted but not moved to counts as large: its writer can move.
  [[nodiscard]] bool worth_waking() const {
    return ahead_max_ - (tail_ - head_) >= QuarterBytes(ahead_max_);
  }

 private:
  // A message whose first header was read.
  struct PendingMessage {
    bool active = false;
    bool first_unread = false;  // its first fragment is still at head_, and was checked
    uint16_t kind = 0;
    uint32_t id = 0;
    uint64_t total_bytes = 0;
    uint64_t received_bytes = 0;
    uint64_t first_length = 0;  // payload of the first fragment, with its prefix
  };

  enum class Growth : uint8_t {
    kSmall,     // the ring uses the start of its data area
    kRefused,   // OFFER was read, and not all pages exist
    kAccepted,  // OFFER was read, and MOVE was not
    kDone,      // it uses the whole data area, as a ring that is not elastic always does
  };

  [[nodiscard]] const std::byte* At(uint64_t position) const {
    return data_ + (position & (capacity_ - 1));
  }
  [[nodiscard]] bool quarter_read() const { return head_ - released_ >= QuarterBytes(capacity_); }
  Status CheckRecord(const RecordHeader& header) const;
  Status CheckPad(const RecordHeader& header) const;
  Status CheckFragment(const RecordHeader& header) const;
  Status TakeStep(const RecordHeader& header);
  Status TakeOffer();
  Status TakeMove();
  // Skips PADs and growth steps, then loads and checks the header at head_. `*found`: false at the
  // tail.
  Status NextRecord(RecordHeader* header, bool* found);
  Status BeginMessage(const RecordHeader& header);
  Status CopyFragment(std::byte* target);
  bool TakeWhole(const RecordHeader& header, Batch* batch);
  void Consume(uint64_t length);

  const PeerSegment* peer_;
  SharedWord<uint32_t>* own_accepted_;
  const std::byte* data_;
  const SharedWord<uint64_t>* peer_tail_word_;
  SharedWord<uint64_t>* own_head_;
  SegmentCounters* counters_;
  Growth growth_;
  uint64_t capacity_;
  uint64_t ahead_max_;  // how far the tail may be ahead of the head
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
