// How a BroadcastReader finds a position: at the start, and after a lap.

#include "core/broadcast_reader.h"

namespace shmwire {
namespace {

// A writer that overtakes a reader so often in a row writes a ring in less than a microsecond.
constexpr int kSeeksMax = 64;

// An honest writer publishes at most one record between `latest` and the tail, and a fast one some
// more between the loads of the two.
constexpr uint64_t kLatestRecordsMax = 1024;

// All tries of a Seek together walk at most this many times as far as one of an honest writer.
constexpr uint64_t kWalksMax = 4;

Status Corrupt(const char* context) { return Status::Error(StatusCode::kCorrupt, context); }

}  // namespace

void BroadcastReader::MoveTo(uint64_t position, uint64_t sequence, bool has_gap) {
  position_ = position;
  sequence_ = sequence;
  has_gap_ = has_gap;
}

bool BroadcastReader::FindMark(uint64_t from, uint64_t* position) const {
  const uint64_t block_bytes = BroadcastBlockBytes(capacity_);
  const uint64_t first_block = from / block_bytes;
  for (uint64_t block = first_block; block < first_block + kBroadcastMarks; block++) {
    // Relaxed: a mark of a record before tail_ was stored before the tail. A newer one is refused
    // here or by IsIntact.
    const uint64_t mark = control_->marks[block % kBroadcastMarks].LoadRelaxed();
    // Another block: no record starts in this one, or it is overwritten already.
    const bool usable = mark / block_bytes == block && mark % kRecordAlignment == 0;
    if (!usable || mark < from || mark >= tail_) continue;
    *position = mark;
    return true;
  }
  return false;
}

Status BroadcastReader::LoadLatest(uint64_t* position) {
  // SYNC(broadcast.latest): stored in BroadcastWriter::Write. Before the tail, so that the tail is
  // not older.
  *position = control_->latest.LoadAcquire();
  if (Status status = Poll(); !status.ok()) return status;
  if (*position % kRecordAlignment != 0) return Corrupt("the writer's latest is not aligned");
  return *position < tail_ ? Status() : Corrupt("the writer's latest is not published");
}

Status BroadcastReader::Walk(uint64_t position, uint64_t sequence, uint64_t records_max,
                             Found* found, bool* reached) {
  *reached = false;
  bool exists = false;
  Status status = LoadRecord(position, found, &exists);
  for (uint64_t records = 1; exists && found->header.sequence < sequence && found->end() != tail_;
       records++) {
    // Bounds the time that a hostile writer can take.
    if (records == records_max) return {};
    walked_++;
    const uint64_t expected = found->header.sequence + 1;
    status = LoadRecord(found->end(), found, &exists);
    if (exists && found->header.sequence != expected) {
      return Corrupt("a record is out of sequence");
    }
  }
  *reached = exists;
  return status.ok() && !exists ? Corrupt("the published records end with a pad") : status;
}

Status BroadcastReader::LoadIntactRecord(uint64_t position, Found* found, bool* intact) {
  *intact = false;
  bool exists = false;
  Status violation = LoadRecord(position, found, &exists);
  if (Status status = IsIntact(position, intact); !status.ok()) return status;
  if (!*intact) return {};
  *intact = exists;
  return violation;
}

Status BroadcastReader::Resume(bool* resumed) {
  *resumed = false;
  if (Status status = Poll(); !status.ok()) return status;
  // At the oldest message, the writer would overtake this reader again at once.
  const uint64_t half_bytes = capacity_ / 2;
  uint64_t position = 0;
  *resumed = FindMark(tail_ > half_bytes ? tail_ - half_bytes : 0, &position);
  // Later records do not count.
  if (!*resumed && stopped()) position = tail_;
  if (!*resumed && !stopped()) {
    if (Status status = LoadLatest(&position); !status.ok()) return status;
    *resumed = true;
  }
  // A reader that was overtaken is behind all of these.
  if (position < position_) return Corrupt("a lapped reader found an older record");
  MoveTo(position, sequence_, true);
  return {};
}

Status BroadcastReader::SeekEnd(bool before_last, bool* sought) {
  *sought = false;
  uint64_t position = 0;
  if (Status status = LoadLatest(&position); !status.ok()) return status;
  // Overtaken since.
  if (tail_ - position > capacity_) return {};
  Found last;
  bool reached = false;
  Status violation = Walk(position, kBroadcastSequenceMax, kLatestRecordsMax, &last, &reached);
  if (Status status = IsIntact(position, sought); !status.ok() || !*sought) return status;
  *sought = reached;
  if (!violation.ok() || !reached) return violation;
  if (last.end() != tail_) return Corrupt("the last record does not end at the tail");
  if (before_last) {
    MoveTo(last.position, last.header.sequence, false);
  } else {
    MoveTo(tail_, last.header.sequence + 1, false);
  }
  return {};
}

Status BroadcastReader::FindOldest(Found* oldest, bool* found) {
  *found = false;
  // Relaxed: it was stored before the tail, which Poll has acquired, and only serves as a hint.
  const uint64_t intent = control_->intent.LoadRelaxed();
  uint64_t position = 0;
  *found = FindMark(intent > capacity_ ? intent - capacity_ : 0, &position);
  return *found ? LoadIntactRecord(position, oldest, found) : Status();
}

Status BroadcastReader::SeekOldest(bool* sought) {
  Found oldest;
  Status status = FindOldest(&oldest, sought);
  if (status.ok() && *sought) MoveTo(oldest.position, oldest.header.sequence, false);
  return status;
}

// `found` is a record with an earlier sequence, and then the one with `sequence`.
Status BroadcastReader::FindSequence(uint64_t sequence, Found* found, bool* intact) {
  // The last mark that is not after it, so that the walk is short.
  const uint64_t block_bytes = BroadcastBlockBytes(capacity_);
  for (uint64_t position = found->end(); FindMark(position, &position);) {
    Found next;
    Status status = LoadIntactRecord(position, &next, intact);
    if (!status.ok() || !*intact) return status;
    if (next.header.sequence > sequence) break;
    *found = next;
    position = (position / block_bytes + 1) * block_bytes;
  }
  const uint64_t start = found->position;
  bool reached = false;
  Status violation = Walk(start, sequence, MarkedRecordsMax(), found, &reached);
  if (Status status = IsIntact(start, intact); !status.ok() || !*intact) return status;
  *intact = reached;
  if (!violation.ok() || !reached) return violation;
  const bool is_it = found->header.sequence == sequence;
  return is_it ? Status() : Corrupt("a sequence before the last one is missing");
}

Status BroadcastReader::SeekSequence(uint64_t sequence, bool* sought) {
  if (Status status = SeekEnd(false, sought); !status.ok() || !*sought) return status;
  if (sequence > sequence_) {
    return Status::Error(StatusCode::kInvalidArgument, "sequence is beyond the next message");
  }
  if (sequence == sequence_) return {};
  Found found;
  if (Status status = FindOldest(&found, sought); !status.ok() || !*sought) return status;
  if (found.header.sequence < sequence) {
    Status status = FindSequence(sequence, &found, sought);
    if (!status.ok() || !*sought) return status;
  }
  MoveTo(found.position, sequence, true);
  return {};
}

Status BroadcastReader::SeekOnce(SeekStart start, uint64_t sequence, bool* sought) {
  if (Status status = Poll(); !status.ok()) return status;
  if (tail_ == 0) {
    if (start == SeekStart::kSequence && sequence > 1) {
      return Status::Error(StatusCode::kInvalidArgument, "sequence is beyond the next message");
    }
    *sought = true;
    MoveTo(0, 1, false);
    return {};
  }
  switch (start) {
    case SeekStart::kNext:
      return SeekEnd(false, sought);
    case SeekStart::kLast:
      return SeekEnd(true, sought);
    case SeekStart::kOldest:
      return SeekOldest(sought);
    case SeekStart::kSequence:
      return SeekSequence(sequence, sought);
  }
  return {};
}

Status BroadcastReader::Seek(SeekStart start, uint64_t sequence) {
  if (start == SeekStart::kSequence && sequence == 0) {
    return Status::Error(StatusCode::kInvalidArgument, "sequence must be at least 1");
  }
  const BroadcastReader before = *this;
  Status status;
  walked_ = 0;
  const uint64_t walked_max = kWalksMax * (kLatestRecordsMax + MarkedRecordsMax());
  for (int tries = 0; tries < kSeeksMax && walked_ <= walked_max && status.ok(); tries++) {
    bool sought = false;
    status = SeekOnce(start, sequence, &sought);
    if (status.ok() && sought) return {};
  }
  MoveTo(before.position_, before.sequence_, before.has_gap_);
  if (!status.ok()) return status;
  return Status::Error(StatusCode::kUnavailable,
                       "the writer overtook the reader at every try to find a position");
}

}  // namespace shmwire
