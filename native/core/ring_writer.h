#pragma once

// Writes records into the own ring. Only this class moves tail. Format: ring_layout.h.
//
// Used by one thread. Invariants:
//  1. tail_ and sequence_ are private and never read back from memory.
//  2. The peer does not read beyond the published tail, so a claim that wrote there may be dropped.
//  3. peer_head_ is the last head that passed the check, so peer_head_ <= published_ <= tail_ <=
//     peer_head_ + limit_ always.
//  4. An elastic ring is offered when a record finds no room. Until the reader accepts, it stays
//     small.

#include <cstddef>
#include <cstdint>

#include "core/ring_layout.h"
#include "core/segment.h"
#include "core/status.h"

namespace shmwire {

class RingWriter {
 public:
  // Both segments must outlive the writer.
  RingWriter(const OwnSegment& own, const PeerSegment& peer);

  // Of the current ring: it increases once if the ring is elastic.
  [[nodiscard]] uint64_t inline_bytes_max() const { return inline_bytes_max_; }

  // Reserves room for one record of at most `length` payload bytes, up to inline_bytes_max(). Sets
  // `*bytes` to the start of its payload, or to null if there is no room. A second claim replaces
  // the first. Write nothing else before Commit or Abort. Errors: kMessageTooLarge,
  // kInvalidArgument (a message is unfinished), kCorrupt (the peer's head).
  Status Claim(uint64_t length, std::byte** bytes);
  // Turns the first `length` bytes of the claim into a message, which the peer sees after Publish.
  // False: no claim is open, or it is shorter; an open claim stays.
  bool Commit(uint16_t kind, uint32_t id, uint64_t length);
  // Drops the claim. Nothing was published. Idempotent.
  void Abort() { claim_ = {}; }

  // Writes one record of the message: the whole message if it fits in one, otherwise the next
  // fragment. `*offset` starts at 0, and advances over the written bytes. `*wrote`: false if there
  // was no room. An unfinished message must be continued with the same arguments before the next
  // one begins. The peer sees the record after Publish. Errors: kInvalidArgument (another message
  // is unfinished, or a claim is open), kCorrupt (the peer's head).
  Status WriteNext(uint16_t kind, uint32_t id, const std::byte* payload, uint64_t length,
                   uint64_t* offset, bool* wrote);

  // Publishes everything that was written.
  void Publish();
  // Also without a new message: a message that finds no room may leave a GrowthStep.
  [[nodiscard]] bool has_unpublished() const { return tail_ != published_; }

  // Whether WriteNext would find room for a message's last `length` bytes, or can move to a larger
  // ring. Errors: as DepthBytes.
  Status HasRoom(uint64_t length, bool* has_room);
  // Bytes that are written and not released. Errors: kCorrupt (the peer's head).
  Status DepthBytes(uint64_t* bytes);

 private:
  struct Room {
    bool found = false;
    uint64_t pad_bytes = 0;
  };
  struct PendingClaim {
    bool active = false;
    Room room;
    uint64_t length = 0;
  };
  // A message of which some fragments are written.
  struct PendingMessage {
    bool active = false;
    uint16_t kind = 0;
    uint32_t id = 0;
    uint64_t length = 0;
    uint64_t written = 0;
  };

  enum class Growth : uint8_t {
    kSmall,    // the ring uses the start of its data area
    kOffered,  // its pages exist, and OFFER is written
    kDone,     // it uses the whole data area, as a ring that is not elastic always does
  };

  // Room for `span` contiguous bytes, after padding if they need it, as far as the last head shows.
  bool TakeRoom(uint64_t span, Room* room) const;
  // Loads the head if the last one shows no room.
  Status FindRoom(uint64_t span, Room* room);
  // The same for a record. Without room, takes the next step of a growth.
  Status FindRoomOrGrow(uint64_t span, Room* room);
  // Creates some of the pages, or offers the ring when all exist.
  void Offer();
  // Whether the reader has accepted the whole data area, the ring is still small, and the position
  // after MOVE is not too far ahead of the head.
  [[nodiscard]] bool MayMove() const;
  void Move();
  void AppendStep(GrowthStep step);
  [[nodiscard]] std::byte* PayloadAt(const Room& room) const;
  // Writes the record's header, after the payload at PayloadAt(room).
  void Append(const Room& room, uint16_t kind, uint16_t flags, uint32_t id, uint64_t length);
  Status WriteFragment(uint16_t kind, uint32_t id, const std::byte* payload, uint64_t length,
                       uint64_t* offset, bool* wrote);
  [[nodiscard]] uint64_t PadBefore(uint64_t span) const;
  [[nodiscard]] bool Fits(uint64_t bytes) const { return bytes <= limit_ - (tail_ - peer_head_); }
  Status RefreshHead();

  const OwnSegment* own_;
  const SharedWord<uint32_t>* peer_accepted_;
  std::byte* data_;
  SharedWord<uint64_t>* own_tail_;
  const SharedWord<uint64_t>* peer_head_word_;
  SegmentCounters* counters_;
  Growth growth_;
  uint64_t capacity_;
  uint64_t limit_;  // how far the tail may be ahead of the head
  uint64_t inline_bytes_max_;
  uint64_t existing_bytes_ = kSmallRingBytes;  // of an elastic ring
  uint32_t refusals_ = 0;  // records without room, since pages were last created
  // The records of the small ring end at moved_to_ - skipped_, and the next one is at moved_to_.
  uint64_t moved_to_ = 0;
  uint64_t skipped_ = 0;

  uint64_t tail_ = 0;
  uint64_t published_ = 0;
  uint64_t peer_head_ = 0;
  uint32_t sequence_ = 0;
  PendingClaim claim_;
  PendingMessage message_;
};

}  // namespace shmwire
