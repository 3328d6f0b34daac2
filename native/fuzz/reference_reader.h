#pragma once

// A second reader of the ring, for comparison. Written from docs/memory-layout.md and decision 82,
// and not from ring_reader.cc: slow and simple, one record at a time.

#include <cstring>
#include <optional>

#include "fuzz/forged_peer.h"

namespace shmwire::fuzz {

class ReferenceReader {
 public:
  enum class Found : uint8_t { kNothing, kRecord, kViolation };

  struct Record {
    RecordHeader header{};
    const std::byte* place = nullptr;
    uint64_t total_bytes = 0;  // of the message, if it is fragmented
    [[nodiscard]] bool whole() const { return header.flags == kFlagsWhole; }
    [[nodiscard]] bool first() const { return (header.flags & kFlagFirst) != 0; }
  };

  ReferenceReader(const OwnSegment& peer, uint64_t message_bytes_max)
      : data_(peer.data()),
        whole_bytes_(peer.ring_bytes()),
        stage_(peer.ring_bytes() > 65'536 ? Stage::kSmall : Stage::kWhole),
        message_bytes_max_(message_bytes_max) {}

  // Whether a peer may publish this tail now.
  bool Poll(uint64_t tail) {
    const bool valid = tail % 16 == 0 && tail >= tail_ && tail <= head_ + ahead_max();
    if (valid) tail_ = tail;
    return valid;
  }

  // The ring that the next record lies in.
  [[nodiscard]] uint64_t ring_bytes() const {
    return stage_ == Stage::kWhole ? whole_bytes_ : 65'536;
  }
  [[nodiscard]] bool accepted() const { return accepted_; }
  // How far the tail may be ahead of the head.
  [[nodiscard]] uint64_t ahead_max() const { return accepted_ ? whole_bytes_ : ring_bytes(); }
  [[nodiscard]] uint64_t head() const { return head_; }
  [[nodiscard]] uint64_t tail() const { return tail_; }
  // A message has begun; `missing` counts down from its length.
  [[nodiscard]] bool message_open() const { return open_.has_value(); }
  [[nodiscard]] const Record& message() const { return *open_; }
  [[nodiscard]] uint64_t received_bytes() const { return received_; }
  // Peek has read its first fragment, which is not consumed yet.
  [[nodiscard]] bool first_waits() const { return first_waits_; }

  // Checks the next record, and consumes the padding and the growth steps before it.
  Found Peek(Record* record) {
    if (first_waits_) {
      *record = *open_;
      return Found::kRecord;
    }
    while (head_ < tail_) {
      record->place = data_ + head_ % ring_bytes();
      std::memcpy(&record->header, record->place, sizeof(RecordHeader));
      if (record->header.kind != 0) return Check(record);
      if ((record->header.length >> 31) == 0) {
        if (!Grow(record->header)) return Found::kViolation;
        continue;
      }
      if (!PadIsRight(record->header)) return Found::kViolation;
      head_ += ToEnd();
    }
    return Found::kNothing;
  }

  // Call it when Peek found the first fragment of a message.
  void Open(const Record& record) {
    open_ = record;
    received_ = 0;
    first_waits_ = true;
  }
  void Take(const Record& record) {
    head_ += (16 + uint64_t{record.header.length} + 15) / 16 * 16;
    sequence_++;
    if (!open_.has_value()) return;
    received_ += record.header.length - (first_waits_ ? 8 : 0);
    first_waits_ = false;
    if (received_ == open_->total_bytes) open_.reset();
  }
  [[nodiscard]] const std::byte* PayloadAt(const Record& record) const { return record.place + 16; }

 private:
  enum class Stage : uint8_t { kSmall, kOffered, kWhole };

  [[nodiscard]] uint64_t ToEnd() const { return ring_bytes() - head_ % ring_bytes(); }

  // Whether OFFER or MOVE may be here.
  bool Grow(const RecordHeader& header) {
    if (header.length != 0 || header.flags != 0 || header.sequence != 0) return false;
    if (header.id == 1 && stage_ == Stage::kSmall) {
      stage_ = Stage::kOffered;
      accepted_ = PagesExist();
      head_ += 16;
      return true;
    }
    if (header.id != 2 || stage_ != Stage::kOffered || !accepted_) return false;
    const uint64_t next = NextBehindSmallRing(head_ + 16, whole_bytes_);
    if (next > tail_) return false;
    stage_ = Stage::kWhole;
    head_ = next;
    return true;
  }

  [[nodiscard]] bool PadIsRight(const RecordHeader& header) const {
    const uint64_t length = header.length & 0x7FFF'FFFF;
    return header.kind == 0 && header.flags == 0 && 16 + length == ToEnd() &&
           ToEnd() <= tail_ - head_ && length < ring_bytes() / 8 - 16;
  }

  Found Check(Record* record) const {
    const RecordHeader& header = record->header;
    const uint64_t span = (16 + uint64_t{header.length} + 15) / 16 * 16;
    const bool in_place =
        header.length <= ring_bytes() / 8 - 16 && span <= tail_ - head_ && span <= ToEnd();
    if (!in_place || header.flags > 3 || header.sequence != sequence_) {
      return Found::kViolation;
    }
    return (open_.has_value() ? Continues(header) : Begins(record)) ? Found::kRecord
                                                                    : Found::kViolation;
  }

  [[nodiscard]] bool Begins(Record* record) const {
    const RecordHeader& header = record->header;
    if ((header.flags & 1) == 0) return false;
    if (header.flags == 3) return header.length <= message_bytes_max_;
    if (header.length <= 8) return false;
    std::memcpy(&record->total_bytes, PayloadAt(*record), 8);
    return record->total_bytes <= message_bytes_max_ && record->total_bytes > header.length - 8;
  }

  [[nodiscard]] bool Continues(const RecordHeader& header) const {
    const uint64_t missing = open_->total_bytes - received_;
    const bool last = (header.flags & 2) != 0;
    return (header.flags & 1) == 0 && header.kind == open_->header.kind &&
           header.id == open_->header.id && header.length > 0 && header.length <= missing &&
           last == (header.length == missing);
  }

  const std::byte* data_;
  uint64_t whole_bytes_;
  Stage stage_;
  bool accepted_ = false;
  uint64_t message_bytes_max_;
  uint64_t head_ = 0;
  uint64_t tail_ = 0;
  uint32_t sequence_ = 0;
  std::optional<Record> open_;
  uint64_t received_ = 0;
  bool first_waits_ = false;
};

}  // namespace shmwire::fuzz
