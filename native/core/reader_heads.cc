#include "core/reader_heads.h"

#include <algorithm>
#include <utility>

#include "core/growth.h"
#include "core/ring_layout.h"

namespace shmwire {

Status ReaderHeads::Add(uint32_t reader, const SharedWord<uint64_t>* head, uint64_t tail) {
  if (count_ == size_ && !Grow(&readers_, &size_)) {
    return Status::Error(StatusCode::kOutOfMemory, "no memory for a blocking reader");
  }
  readers_[count_] = {.head = head, .position = tail, .reader = reader};
  // The other positions are at most the tail, so the oldest one stays.
  oldest_ = count_ == 0 ? tail : oldest_;
  all_started_ = false;
  count_++;
  return {};
}

void ReaderHeads::Remove(uint32_t reader) {
  for (uint32_t index = 0; index < count_; index++) {
    if (readers_[index].reader != reader) continue;
    count_--;
    readers_[index] = readers_[count_];
    return;
  }
}

void ReaderHeads::Refresh(BlockingReader* reader, uint64_t tail) {
  // SYNC(broadcast.release): stored in BroadcastSubscriber::Release. The reader has copied all that
  // is overwritten from here on. seq_cst for SYNC(wake.arm), A2.
  const uint64_t head = reader->head->LoadSeqCst();
  if (head == 0) return;  // it has not started
  const uint64_t position = head - kHeadStarted;
  // It may start at an older record than the tail of its attachment, once.
  const bool is_valid = head % kRecordAlignment == kHeadStarted && position <= tail &&
                        (position >= reader->position || !reader->started);
  reader->violated = !is_valid;
  if (!is_valid) return;
  reader->started = true;
  reader->position = position;
}

bool ReaderHeads::HasRoomNow(uint64_t end, uint64_t tail) {
  uint64_t oldest = tail;
  all_started_ = true;
  for (uint32_t index = 0; index < count_; index++) {
    BlockingReader* reader = &readers_[index];
    if (!reader->violated) Refresh(reader, tail);
    if (reader->violated) continue;
    oldest = std::min(oldest, reader->position);
    all_started_ = all_started_ && reader->started;
  }
  oldest_ = oldest;
  return end - oldest <= ring_bytes_;
}

uint32_t ReaderHeads::Slowest() const {
  const BlockingReader* slowest = nullptr;
  for (uint32_t index = 0; index < count_; index++) {
    const BlockingReader& reader = readers_[index];
    if (reader.violated) continue;
    if (slowest == nullptr || reader.position < slowest->position) slowest = &reader;
  }
  return slowest == nullptr ? kNoReader : slowest->reader;
}

uint32_t ReaderHeads::Violator() const {
  for (uint32_t index = 0; index < count_; index++) {
    if (readers_[index].violated) return readers_[index].reader;
  }
  return kNoReader;
}

}  // namespace shmwire
