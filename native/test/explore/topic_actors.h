#pragma once

// The actors of a topic: a publisher, and a reader that sleeps in an event loop.

#include <cstdint>
#include <vector>

#include "core/broadcast_subscriber.h"
#include "test/explore/side.h"

namespace shmwire::explore {

struct TopicOptions {
  uint32_t publishes_first = 0;  // before the run
  uint32_t publishes = 0;
  SeekStart start = SeekStart::kNext;
  bool blocks = false;  // the publisher waits for the reader
  bool closes = false;
  uint32_t reads = UINT32_MAX;  // the reader stops after this message
};

// Two processes over the same mappings, with simulated doorbells.
class TopicRun {
 public:
  explicit TopicRun(const TopicOptions& options);

  void Publish();
  void Read();

 private:
  // False: there is no room.
  bool PublishOne();
  void SleepUntilRoom();
  void Take(const BroadcastBatch& batch);

  TopicOptions options_;
  uint64_t published_ = 0;
  uint64_t next_ = 0;  // the sequence that the reader expects
  // The publisher ends first, because it checks the wake word of the reader at its end.
  BroadcastSubscriber subscriber_;
  BroadcastPublisher publisher_;
  Doorbell publisher_doorbell_;
  Doorbell reader_doorbell_;
  std::vector<uint64_t> outgoing_;
  std::vector<std::byte> target_;
  std::vector<BroadcastDescriptor> descriptors_;
};

}  // namespace shmwire::explore
