#include "core/reader_heads.h"

#include <algorithm>
#include <utility>

#include "core/growth.h"
#include "core/ring_layout.h"

namespace shmwire {

Status ReaderHeads::Reserve() {
  if (count_ == size_ && !Grow(&readers_, &size_)) {
    return Status::Error(StatusCode::kOutOfMemory, "no memory for a blocking reader");
  }
  return {};
}

void ReaderHeads::Swap(uint32_t one, uint32_t other) { std::swap(readers_[one], readers_[other]); }

Status ReaderHeads::Add(uint32_t reader, const SharedWord<uint64_t>* head, uint64_t tail) {
  if (Status status = Reserve(); !status.ok()) return status;
  readers_[count_] = {.head = head, .position = tail, .reader = reader};
  Swap(unstarted_, count_);
  // The other positions are at most the tail, so the oldest one stays.
  oldest_ = count_ == 0 ? tail : oldest_;
  unstarted_++;
  count_++;
  return {};
}

void ReaderHeads::Remove(uint32_t reader) {
  for (uint32_t index = 0; index < count_; index++) {
    if (readers_[index].reader != reader) continue;
    if (readers_[index].violated) violated_--;
    if (index < unstarted_) {
      unstarted_--;
      Swap(index, unstarted_);
      index = unstarted_;
    }
    count_--;
    Swap(index, count_);
    return;
  }
}

void ReaderHeads::Refresh(uint32_t index, uint64_t tail) {
  BlockingReader* reader = &readers_[index];
  if (reader->violated) return;
  // SYNC(broadcast.release): stored in BroadcastSubscriber::Release. The reader has copied all that
  // is overwritten from here on. seq_cst for SYNC(wake.arm), A2.
  const uint64_t head = reader->head->LoadSeqCst();
  if (head == 0) return;  // it has not started
  const uint64_t position = head - kHeadStarted;
  const bool is_started = index >= unstarted_;
  // It may start at an older record than the tail of its attachment, once.
  const bool is_valid = head % kRecordAlignment == kHeadStarted && position <= tail &&
                        (position >= reader->position || !is_started);
  if (is_valid) {
    reader->position = position;
  } else {
    reader->violated = true;
    violated_++;
  }
  if (is_started) return;
  unstarted_--;
  Swap(index, unstarted_);
}

void ReaderHeads::RefreshUnstarted(uint64_t tail) {
  // Backwards, because a reader that has started leaves the first ones.
  for (uint32_t index = unstarted_; index > 0; index--) {
    const uint32_t before = unstarted_;
    Refresh(index - 1, tail);
    if (unstarted_ == before) continue;
    const BlockingReader& started = readers_[unstarted_];
    if (!started.violated) oldest_ = std::min(oldest_, started.position);
  }
}

bool ReaderHeads::HasRoomNow(uint64_t end, uint64_t tail) {
  uint64_t oldest = tail;
  for (uint32_t index = 0; index < count_; index++) {
    // HasRoom has loaded those before.
    if (index >= unstarted_) Refresh(index, tail);
    if (!readers_[index].violated) oldest = std::min(oldest, readers_[index].position);
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
  if (violated_ == 0) return kNoReader;
  for (uint32_t index = 0; index < count_; index++) {
    if (readers_[index].violated) return readers_[index].reader;
  }
  return kNoReader;
}

}  // namespace shmwire
