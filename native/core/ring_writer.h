#pragma once

// Writes records into one's own ring: the only code that moves tail. Format: ring_layout.h.
//
// Used by one thread. Invariants:
//  1. tail_ and sequence_ are private and never read back from memory.
//  2. Bytes from the published tail on are nobody else's; what a claim writes there may be
//     abandoned.
//  3. peer_head_ is the last head that passed the check, so
//     peer_head_ <= published_ <= tail_ <= peer_head_ + capacity always.

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

  [[nodiscard]] uint64_t inline_bytes_max() const { return inline_bytes_max_; }

  // Reserves room for one record of up to `length` payload bytes, at most inline_bytes_max(), and
  // sets `*bytes` to where its payload goes; null when there is no room. A second claim replaces
  // the first; nothing else may be written before Commit or Abort. Errors: kMessageTooLarge,
  // kInvalidArgument (a message is unfinished), kCorrupt (the peer's head).
  Status Claim(uint64_t length, std::byte** bytes);
  // Makes a message of the first `length` bytes of what was claimed, which nobody sees until
  // Publish. False, and the claim stays, when none is open or it is shorter than that.
  bool Commit(uint16_t kind, uint32_t id, uint64_t length);
  // Gives the claim up. Nothing was published. Idempotent.
  void Abort() { claim_ = {}; }

  // Writes one record of the message: the whole message if it fits in one, else its next fragment.
  // `*offset` is 0 at first, and is moved over what was written. `*wrote` is false when there was
  // no room. A message that was begun must be finished before the next, with the same arguments.
  // Nobody sees the record until Publish. Errors: kInvalidArgument (it was not; or a claim is
  // open), kCorrupt (the peer's head).
  Status WriteNext(uint16_t kind, uint32_t id, const std::byte* payload, uint64_t length,
                   uint64_t* offset, bool* wrote);

  // Shows the peer all that was written.
  void Publish();

  // Whether WriteNext would find room with `length` bytes left to write. Errors: kCorrupt (the
  // peer's head).
  Status HasRoom(uint64_t length, bool* has_room);
  // Bytes written and not yet read. Errors: kCorrupt (the peer's head).
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
  // A message of which some fragments were written.
  struct PendingMessage {
    bool active = false;
    uint16_t kind = 0;
    uint32_t id = 0;
    uint64_t length = 0;
    uint64_t written = 0;
  };

  // Room for `span` bytes, behind as much padding as they need to lie in one piece.
  Status FindRoom(uint64_t span, Room* room);
  [[nodiscard]] std::byte* PayloadAt(const Room& room) const;
  // Makes a record of the payload at PayloadAt(room).
  void Append(const Room& room, uint16_t kind, uint16_t flags, uint32_t id, uint64_t length);
  Status WriteFragment(uint16_t kind, uint32_t id, const std::byte* payload, uint64_t length,
                       uint64_t* offset, bool* wrote);
  [[nodiscard]] uint64_t PadBefore(uint64_t span) const;
  [[nodiscard]] bool Fits(uint64_t bytes) const {
    return bytes <= capacity_ - (tail_ - peer_head_);
  }
  Status RefreshHead();

  std::byte* data_;
  SharedWord<uint64_t>* own_tail_;
  const SharedWord<uint64_t>* peer_head_word_;
  SegmentCounters* counters_;
  uint64_t capacity_;
  uint64_t inline_bytes_max_;

  uint64_t tail_ = 0;
  uint64_t published_ = 0;
  uint64_t peer_head_ = 0;
  uint32_t sequence_ = 0;
  PendingClaim claim_;
  PendingMessage message_;
};

}  // namespace shmwire
