#include "core/broadcast_writer.h"

#include <algorithm>
#include <cstring>

namespace shmwire {
namespace {

// Two byte ranges without a gap, as words: one word may have bytes of both.
void StorePayload(std::byte* to, const BroadcastMessage& message) {
  constexpr uint64_t kWordBytes = sizeof(uint64_t);
  const uint64_t prefix_bytes = message.prefix_bytes();
  const uint64_t prefix_words_bytes = prefix_bytes & ~(kWordBytes - 1);
  const std::byte* body = message.body;
  uint64_t body_bytes = message.body_bytes;
  if (prefix_words_bytes != 0) SharedAccess::StoreWords(to, message.prefix, prefix_words_bytes);
  to += prefix_words_bytes;
  if (const uint64_t rest = prefix_bytes - prefix_words_bytes; rest != 0) {
    std::byte both[kWordBytes] = {};
    const uint64_t taken = std::min(kWordBytes - rest, body_bytes);
    std::memcpy(both, message.prefix + prefix_words_bytes, rest);
    if (taken != 0) std::memcpy(both + rest, body, taken);
    SharedAccess::StoreWords(to, both, kWordBytes);
    to += kWordBytes;
    body += taken;
    body_bytes -= taken;
  }
  if (body_bytes != 0) SharedAccess::StoreWords(to, body, body_bytes);
}

}  // namespace

BroadcastWriter::BroadcastWriter(const OwnSegment& own)
    : data_(own.data()),
      control_(own.control_as<BroadcastControl>()),
      capacity_(own.data_bytes()) {}

uint64_t BroadcastWriter::PadBefore(uint64_t span) const {
  const uint64_t left_bytes = capacity_ - (tail_ & (capacity_ - 1));
  return span <= left_bytes ? 0 : left_bytes;
}

void BroadcastWriter::Mark(uint64_t start) {
  const uint64_t block = start / BroadcastBlockBytes(capacity_);
  if (block < blocks_marked_) return;
  blocks_marked_ = block + 1;
  // Relaxed: tail publishes it. Loaded in BroadcastReader::FindMark.
  control_->marks[block % kBroadcastMarks].StoreRelaxed(start);
}

void BroadcastWriter::Write(const BroadcastMessage& message) {
  const uint64_t length = message.length();
  const uint64_t span = RecordSpan(length);
  const uint64_t pad_bytes = PadBefore(span);
  const uint64_t start = tail_ + pad_bytes;
  const uint64_t end = start + span;
  // SYNC(broadcast.intent): observed in BroadcastReader::IsIntact. Relaxed: the fence orders it
  // before every store below.
  control_->intent.StoreRelaxed(end);
  // F1 of SYNC(broadcast.intent); its partner is in BroadcastReader::IsIntact.
  SharedAccess::ReleaseFence();
  if (pad_bytes != 0) {
    const auto pad_length = static_cast<uint32_t>(pad_bytes - kRecordHeaderBytes);
    StoreBroadcastHeader(
        At(tail_),
        {.length = pad_length | kPadBit, .key_bytes = 0, .headers_bytes = 0, .sequence = 0});
  }
  sequence_++;
  StoreBroadcastHeader(At(start), {.length = static_cast<uint32_t>(length),
                                   .key_bytes = static_cast<uint16_t>(message.key_bytes),
                                   .headers_bytes = static_cast<uint16_t>(message.headers_bytes),
                                   .sequence = sequence_});
  StorePayload(At(start) + kRecordHeaderBytes, message);
  Mark(start);
  tail_ = end;
  // SYNC(broadcast.publish): observed in BroadcastReader::Poll. seq_cst for SYNC(wake.arm), B1.
  control_->tail.StoreSeqCst(end);
  // SYNC(broadcast.latest): observed in BroadcastReader::LoadLatest. After tail, so that the record
  // is published for each reader that sees it, even if this process ends between the two stores.
  control_->latest.StoreRelease(start);
}

}  // namespace shmwire
