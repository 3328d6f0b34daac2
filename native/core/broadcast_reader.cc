#include "core/broadcast_reader.h"

#include <algorithm>

#include "core/cache_line.h"

namespace shmwire {
namespace {

// How often Receive resumes after a lap before it returns. Each time, the writer has written half a
// ring during one batch.
constexpr int kResumesMax = 4;

// Payloads start at multiples of this in the target.
constexpr uint64_t kTargetAlignment = 8;

Status Corrupt(const char* context) { return Status::Error(StatusCode::kCorrupt, context); }

constexpr uint64_t AlignTarget(uint64_t offset) {
  return (offset + kTargetAlignment - 1) & ~(kTargetAlignment - 1);
}

}  // namespace

BroadcastReader::BroadcastReader(const PeerSegment& peer)
    : data_(peer.data()),
      control_(peer.control_as<BroadcastControl>()),
      capacity_(peer.data_bytes()) {}

Status BroadcastReader::Poll() {
  // SYNC(broadcast.publish): stored in BroadcastWriter::Write. seq_cst for SYNC(wake.arm), A2.
  const uint64_t tail = control_->tail.LoadSeqCst();
  if (tail == tail_) return {};
  if (tail % kRecordAlignment != 0) return Corrupt("the writer's tail is not aligned");
  if (tail < tail_) return Corrupt("the writer's tail moved back");
  tail_ = std::min(tail, stop_);
  PrefetchForRead(At(position_));
  PrefetchForRead(At(position_) + kPrefetchStep);
  return {};
}

Status BroadcastReader::IsIntact(uint64_t position, bool* intact) {
  // F2 of SYNC(broadcast.intent); its partner is in BroadcastWriter::Write.
  SharedAccess::AcquireFence();
  // SYNC(broadcast.intent): stored in BroadcastWriter::Write. Relaxed: the fence orders it after
  // all loads of records.
  const uint64_t intent = control_->intent.LoadRelaxed();
  *intact = intent - position <= capacity_;
  // The intent of each published record was stored before its tail, which Poll has loaded.
  return intent < tail_ ? Corrupt("the writer's intent is before its tail") : Status();
}

Status BroadcastReader::CheckPad(const BroadcastRecordHeader& header, uint64_t position) const {
  const uint64_t length = header.length & ~kPadBit;
  const uint64_t left_bytes = capacity_ - (position & (capacity_ - 1));
  if (header.key_bytes != 0 || header.headers_bytes != 0 || header.sequence != 0) {
    return Corrupt("a pad has a key, headers or a sequence");
  }
  if (kRecordHeaderBytes + length != left_bytes) return Corrupt("a pad does not end with the ring");
  if (left_bytes > tail_ - position) return Corrupt("a pad is longer than the published bytes");
  if (length >= InlineBytesMax(capacity_)) return Corrupt("a pad is as long as a record");
  return {};
}

Status BroadcastReader::CheckRecord(const BroadcastRecordHeader& header, uint64_t position) const {
  const uint64_t span = RecordSpan(header.length);
  if (header.length > InlineBytesMax(capacity_)) {
    return Corrupt("a record is longer than an eighth of the ring");
  }
  if (span > tail_ - position) return Corrupt("a record is longer than the published bytes");
  if (span > capacity_ - (position & (capacity_ - 1))) {
    return Corrupt("a record passes the ring's end");
  }
  if (uint64_t{header.key_bytes} + header.headers_bytes > header.length) {
    return Corrupt("a key and headers are longer than their record");
  }
  // Each record before it has taken at least a header.
  if (header.sequence == 0 || header.sequence - 1 > position / kRecordHeaderBytes ||
      header.sequence > kBroadcastSequenceMax) {
    return Corrupt("a record has an impossible sequence");
  }
  return {};
}

Status BroadcastReader::LoadRecord(uint64_t position, Found* found, bool* exists) const {
  *exists = false;
  while (position != tail_) {
    const BroadcastRecordHeader header = LoadBroadcastHeader(At(position));
    if ((header.length & kPadBit) == 0) {
      *found = {.position = position, .header = header};
      Status status = CheckRecord(header, position);
      *exists = status.ok();
      return status;
    }
    if (Status status = CheckPad(header, position); !status.ok()) return status;
    position += kRecordHeaderBytes + (header.length & ~kPadBit);
  }
  return {};
}

Status BroadcastReader::CheckSequence(const BroadcastRecordHeader& header, uint64_t expected,
                                      bool is_first) const {
  if (header.sequence == expected) return {};
  if (is_first && has_gap_ && header.sequence > expected) return {};
  return Corrupt("a record is out of sequence");
}

// False: the message does not fit, and stays in the ring.
inline bool BroadcastReader::TakeRecord(const Found& found, uint64_t* offset,
                                        BroadcastBatch* batch) const {
  const BroadcastRecordHeader& header = found.header;
  // The alignment can lead past the end, where an empty message still fits.
  const uint64_t start = std::min(AlignTarget(*offset), batch->target_bytes);
  if (header.length > batch->target_bytes - start) return false;
  if (header.length != 0) {
    SharedAccess::LoadWords(batch->target + start, At(found.position) + kRecordHeaderBytes,
                            header.length);
    *offset = start + header.length;
  }
  batch->descriptors[batch->count] = {
      .offset = static_cast<uint32_t>(start),
      .key_bytes = header.key_bytes,
      .headers_bytes = header.headers_bytes,
      .body_bytes = header.length - header.key_bytes - header.headers_bytes};
  batch->count++;
  return true;
}

Status BroadcastReader::CopyRecords(BroadcastBatch* batch, uint64_t* end,
                                    uint64_t* sequence) const {
  // A batch is lapped as a whole, so a long one would lose more.
  const uint64_t bytes_max = capacity_ / kRecordsPerRingMin;
  uint64_t offset = 0;
  *end = position_;
  *sequence = sequence_;
  while (batch->count < batch->descriptors_max && *end - position_ < bytes_max) {
    Found found;
    bool exists = false;
    if (Status status = LoadRecord(*end, &found, &exists); !exists) return status;
    Status status = CheckSequence(found.header, *sequence, batch->count == 0);
    if (!status.ok()) return status;
    if (!TakeRecord(found, &offset, batch)) {
      batch->required_bytes = found.header.length;
      return {};
    }
    if (batch->count == 1) batch->first_sequence = found.header.sequence;
    *end = found.end();
    *sequence = found.header.sequence + 1;
  }
  return {};
}

Status BroadcastReader::Stop() {
  Status status = Poll();
  stop_ = tail_;
  return status;
}

Status BroadcastReader::Receive(BroadcastBatch* batch) {
  for (int resumes = 0; has_data(); resumes++) {
    bool intact = tail_ - position_ <= capacity_;
    if (intact) {
      uint64_t end = 0;
      uint64_t sequence = 0;
      Status violation = CopyRecords(batch, &end, &sequence);
      Status status = IsIntact(position_, &intact);
      if (status.ok() && intact) {
        if (batch->count == 0) {
          // Otherwise CopyRecords has ended for another reason.
          const bool is_end =
              violation.ok() && batch->required_bytes < 0 && batch->descriptors_max > 0;
          return is_end ? Corrupt("the published records end with a pad") : violation;
        }
        batch->lost = batch->first_sequence - sequence_;
        MoveTo(end, sequence, false);
        // The next call finds the violation again.
        return {};
      }
      // Nothing of an overtaken batch counts.
      batch->count = 0;
      batch->first_sequence = 0;
      batch->required_bytes = -1;
      if (!status.ok()) return status;
    }
    if (resumes == kResumesMax) {
      batch->behind = !stopped();
      // The writer has continued, and has overwritten the rest.
      if (stopped()) MoveTo(tail_, sequence_, true);
      return {};
    }
    bool resumed = false;
    if (Status status = Resume(&resumed); !status.ok()) return status;
  }
  return {};
}

}  // namespace shmwire
