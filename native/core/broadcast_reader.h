#pragma once

// Copies records out of another process's broadcast segment (broadcast_layout.h).
//
// Used by one thread. Everything that the writer wrote is input: each word is loaded once into a
// local, checked, and only then used. Invariants:
//  1. position_ and sequence_ are private and never read back from memory.
//  2. A record is delivered only if all its words were loaded before a check of intent that found
//     it intact. A record that was overtaken during the copy may hold anything, so nothing is
//     concluded from it, not even that the writer broke the rules.
//  3. Each pass of a loop consumes at least a header of [position_, tail_), or ends after a fixed
//     number of tries, so every loop ends.
//  4. received + lost counts each sequence once: a gap is reported before the message after it.

#include <cstddef>
#include <cstdint>
#include <limits>

#include "core/broadcast_layout.h"
#include "core/segment.h"
#include "core/status.h"

namespace shmwire {

// Where a received message lies in the target: key, headers, body. JavaScript reads it as four
// words. The offsets of a batch do not decrease.
struct BroadcastDescriptor {
  uint32_t offset;
  uint32_t key_bytes;
  uint32_t headers_bytes;
  uint32_t body_bytes;
};
inline constexpr uint32_t kBroadcastDescriptorWords = 4;
static_assert(sizeof(BroadcastDescriptor) == kBroadcastDescriptorWords * sizeof(uint32_t));

// The memory for a batch, and its result.
struct BroadcastBatch {
  std::byte* target;
  uint64_t target_bytes;  // at most 2^32
  BroadcastDescriptor* descriptors;
  uint32_t descriptors_max;

  uint32_t count = 0;
  uint64_t first_sequence = 0;
  // Messages lost before the first one.
  uint64_t lost = 0;
  // Length of the next message if it does not fit; otherwise -1.
  int64_t required_bytes = -1;
  // The writer overtook the reader in each try. Call Receive again later.
  bool behind = false;
};

enum class SeekStart : uint8_t {
  kNext,      // after the last message
  kLast,      // the last message
  kOldest,    // about the oldest message in the ring
  kSequence,  // a message that may be lost already
};

class BroadcastReader {
 public:
  // The segment must outlive the reader.
  explicit BroadcastReader(const PeerSegment& peer);

  // Chooses the position of the next Receive. `sequence`: for kSequence. Without any message, all
  // starts mean the first one. Errors: kInvalidArgument (`sequence` is 0 or beyond the next
  // message), kCorrupt, kUnavailable (the writer overtook the reader in each try).
  Status Seek(SeekStart start, uint64_t sequence = 0);
  // The sequence that the next Receive delivers first, or counts as lost.
  [[nodiscard]] uint64_t next_sequence() const { return sequence_; }
  [[nodiscard]] uint64_t position() const { return position_; }

  // Loads and checks the tail. Errors: kCorrupt.
  Status Poll();
  // Polls. Later messages are not seen, so that a reader of a writer that continues reaches an end.
  // Messages that the writer overwrites before they were read are not counted. Errors: kCorrupt.
  Status Stop();
  // After the last Poll.
  [[nodiscard]] bool has_data() const { return position_ != tail_; }

  // Copies messages that the last Poll found, up to a gap or an eighth of the ring. After a lap, it
  // resumes half a ring behind the tail. Errors: kCorrupt; the messages before the violation are in
  // an earlier batch.
  Status Receive(BroadcastBatch* batch);

 private:
  // A record that was loaded, at its position.
  struct Found {
    uint64_t position = 0;
    BroadcastRecordHeader header{};

    [[nodiscard]] uint64_t end() const { return position + RecordSpan(header.length); }
  };

  [[nodiscard]] const std::byte* At(uint64_t position) const {
    return data_ + (position & (capacity_ - 1));
  }
  // Whether everything from `position` on was intact at all loads before this call. Errors:
  // kCorrupt.
  Status IsIntact(uint64_t position, bool* intact);
  [[nodiscard]] Status CheckPad(const BroadcastRecordHeader& header, uint64_t position) const;
  [[nodiscard]] Status CheckRecord(const BroadcastRecordHeader& header, uint64_t position) const;
  // Skips PADs from `position` on, then loads and checks the header of a record. `*exists`: false
  // at the tail. The result counts only if IsIntact.
  Status LoadRecord(uint64_t position, Found* found, bool* exists) const;
  // Loads the record at `position`. `*intact`: false if it was overtaken, or does not exist yet.
  Status LoadIntactRecord(uint64_t position, Found* found, bool* intact);

  // Copies records from position_ on. `*end` and `*sequence`: after them.
  Status CopyRecords(BroadcastBatch* batch, uint64_t* end, uint64_t* sequence) const;
  [[nodiscard]] Status CheckSequence(const BroadcastRecordHeader& header, uint64_t expected,
                                     bool is_first) const;
  bool TakeRecord(const Found& found, uint64_t* offset, BroadcastBatch* batch) const;

  // broadcast_seek.cc
  // A start of a record at or after `from`; false: none is marked.
  bool FindMark(uint64_t from, uint64_t* position) const;
  // The start of one of the last records. Polls.
  Status LoadLatest(uint64_t* position);
  // Loads records from `position` on, up to the one with `sequence`, or to the last one before
  // tail_, which is at most a ring ahead. `*reached`: false after `records_max` records. The result
  // counts only if IsIntact(position).
  Status Walk(uint64_t position, uint64_t sequence, uint64_t records_max, Found* found,
              bool* reached);
  // The most records that start between two marks of an honest writer.
  [[nodiscard]] uint64_t MarkedRecordsMax() const {
    return BroadcastBlockBytes(capacity_) / kRecordHeaderBytes + 1;
  }
  [[nodiscard]] bool stopped() const { return stop_ != kNeverStopped; }
  // Resumes half a ring behind the tail. `*resumed`: false if the writer was faster.
  Status Resume(bool* resumed);
  // One try each. `*sought`: false if the writer was faster.
  Status SeekEnd(bool before_last, bool* sought);
  Status SeekOldest(bool* sought);
  Status SeekSequence(uint64_t sequence, bool* sought);
  Status FindOldest(Found* oldest, bool* found);
  Status FindSequence(uint64_t sequence, Found* found, bool* intact);
  Status SeekOnce(SeekStart start, uint64_t sequence, bool* sought);
  void MoveTo(uint64_t position, uint64_t sequence, bool has_gap);

  const std::byte* data_;
  const BroadcastControl* control_;
  uint64_t capacity_;

  static constexpr uint64_t kNeverStopped = std::numeric_limits<uint64_t>::max();

  uint64_t tail_ = 0;
  // No tail after this one is used.
  uint64_t stop_ = kNeverStopped;
  uint64_t position_ = 0;
  uint64_t sequence_ = 1;
  // The record at position_ may have a later sequence than sequence_.
  bool has_gap_ = false;
  // Records that the present Seek has loaded in walks.
  uint64_t walked_ = 0;
};

}  // namespace shmwire
