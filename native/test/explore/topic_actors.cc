#include "test/explore/topic_actors.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "platform/doorbell.h"
#include "test/explore/explorer.h"

namespace shmwire::explore {
namespace {

// Of the largest size, so that eight of them fill the ring.
constexpr uint64_t kBytes = InlineBytesMax(kRingBytesMin);
// A batch has at most one of them, and the reader several batches for a lap.
constexpr uint32_t kDescriptors = 4;

void Check(Status status) { Expect(status.ok(), status.context()); }

uint64_t WordOf(uint64_t sequence, uint64_t index) { return (sequence << 32 | index) + 1; }

bool IsMessage(uint64_t sequence, const std::byte* data) {
  for (uint64_t index = 0; index < kBytes / sizeof(uint64_t); index++) {
    const uint64_t word = WordOf(sequence, index);
    if (std::memcmp(data + index * sizeof(word), &word, sizeof(word)) != 0) return false;
  }
  return true;
}

}  // namespace

TopicRun::TopicRun(const TopicOptions& options)
    : options_(options),
      subscriber_(options.blocks),
      outgoing_(kBytes / sizeof(uint64_t)),
      target_(2 * kBytes),
      descriptors_(kDescriptors) {
  ReaderAttachment* attachment = subscriber_.attachment();
  WriterAttachment* writer = publisher_.attachment();
  platform::Handle doorbell;
  platform::Handle own_doorbell;
  uint32_t reader = 0;
  (void)publisher_.Create(kRingBytesMin);
  (void)attachment->Create();
  // Only to count wake-ups; reader_doorbell_ is the one that wakes.
  (void)platform::MakeDoorbell(&own_doorbell, &doorbell);
  (void)writer->readers()->Add(PeerSegment::Borrow(attachment->own()), std::move(doorbell),
                               std::move(own_doorbell), &reader);
  if (options.blocks) (void)publisher_.AddBlocking(reader);
  (void)attachment->Attach(PeerSegment::Borrow(writer->own()));
  while (published_ < options_.publishes_first) (void)PublishOne();
  // A blocking reader is there from the start.
  if (options.blocks) (void)subscriber_.Seek(options_.start, 0, &next_);
}

bool TopicRun::PublishOne() {
  for (uint64_t index = 0; index < outgoing_.size(); index++) {
    outgoing_[index] = WordOf(published_ + 1, index);
  }
  uint64_t sequence = 0;
  WakeCounts counts;
  Check(publisher_.Publish({.body = reinterpret_cast<const std::byte*>(outgoing_.data()),
                            .body_bytes = outgoing_.size() * sizeof(uint64_t)},
                           &sequence, &counts));
  Expect(counts.unwoken == 0, "a reader could not be woken");
  Expect(publisher_.violator() == ReaderHeads::kNoReader, "a reader broke the rules");
  if (counts.wakes != 0) reader_doorbell_.Wake();
  if (sequence == 0) return false;
  Expect(sequence == published_ + 1, "a message has a wrong sequence");
  published_ = sequence;
  return true;
}

void TopicRun::SleepUntilRoom() {
  bool has_room = false;
  Check(publisher_.ArmForRoom(&has_room));
  if (!has_room) publisher_doorbell_.Wait();
  Check(publisher_.DisarmForRoom());
}

void TopicRun::Publish() {
  const uint64_t last = uint64_t{options_.publishes_first} + options_.publishes;
  while (published_ < last) {
    if (!PublishOne()) SleepUntilRoom();
  }
  if (!options_.closes) return;
  WakeCounts counts;
  publisher_.AnnounceClosed(&counts);
  if (counts.wakes != 0) reader_doorbell_.Wake();
}

void TopicRun::Take(const BroadcastBatch& batch) {
  if (batch.count == 0) return;
  Expect(batch.first_sequence == next_ + batch.lost, "a loss is not exact");
  Expect(!options_.blocks || batch.lost == 0, "a blocking reader lost a message");
  for (uint32_t index = 0; index < batch.count; index++) {
    const BroadcastDescriptor& one = descriptors_[index];
    Expect(one.body_bytes == kBytes && one.key_bytes == 0 && one.headers_bytes == 0,
           "a message has a wrong length");
    Expect(IsMessage(batch.first_sequence + index, target_.data() + one.offset),
           "a message differs");
  }
  next_ = batch.first_sequence + batch.count;
}

void TopicRun::Read() {
  const uint64_t last =
      std::min<uint64_t>(options_.reads, options_.publishes_first + options_.publishes);
  if (!options_.blocks) {
    const Status status = subscriber_.Seek(options_.start, 1, &next_);
    Check(status);
    Expect(next_ >= 1 && next_ <= last + 1, "an impossible position");
    Expect(options_.start != SeekStart::kSequence || next_ == 1, "another position");
  }
  bool closed = false;
  while (options_.closes ? !closed : next_ <= last) {
    BroadcastBatch batch = {.target = target_.data(),
                            .target_bytes = target_.size(),
                            .descriptors = descriptors_.data(),
                            .descriptors_max = kDescriptors};
    BroadcastSubscriber::Received received;
    Check(subscriber_.Receive(&batch, {}, &received));
    closed = received.closed;
    Take(batch);
    if (received.writer_waits) publisher_doorbell_.Wake();
    if (batch.count != 0 || batch.behind || closed) continue;
    bool ready = false;
    Check(subscriber_.Arm(&ready));
    if (!ready) reader_doorbell_.Wait();
    Check(subscriber_.Disarm());
  }
  Expect(next_ == last + 1, "the topic closed before its last message");
}

}  // namespace shmwire::explore
