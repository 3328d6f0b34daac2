#pragma once

// A reader of a topic: its attachment, the copies of messages, and the wake protocol.
//
// Used by one thread. A reader calls Offer and Attach of the attachment, or AttachOwn; then Seek;
// then everything else; and Close at any time. Receive may spin, yield the core and nap.

#include <cstdint>
#include <optional>

#include "core/broadcast_publisher.h"
#include "core/broadcast_reader.h"
#include "core/reader_attachment.h"
#include "core/spin_wait.h"
#include "core/status.h"
#include "core/wake.h"

namespace shmwire {

class BroadcastSubscriber {
 public:
  // `blocks`: the writer waits for this reader.
  explicit BroadcastSubscriber(bool blocks) : blocks_(blocks) {}
  BroadcastSubscriber(const BroadcastSubscriber&) = delete;
  BroadcastSubscriber& operator=(const BroadcastSubscriber&) = delete;
  ~BroadcastSubscriber() { Close(); }

  [[nodiscard]] ReaderAttachment* attachment() { return &attachment_; }
  // For a publisher in this process. `*reader`: its index there.
  Status AttachOwn(BroadcastPublisher* publisher, uint32_t* reader);

  // See BroadcastReader::Seek. A blocking reader seeks once. Errors: as there, and
  // kInvalidArgument.
  Status Seek(SeekStart start, uint64_t sequence, uint64_t* next_sequence);
  struct Received {
    // The writer waits for room that this reader has made: wake its program.
    bool writer_waits = false;
    // The writer has closed the topic, and nothing is left.
    bool closed = false;
    // See SpinWait.
    bool preempted = false;
  };
  // See BroadcastReader::Receive. While the ring is empty, waits as the options say. Errors:
  // kCorrupt, which every later call reports too.
  Status Receive(BroadcastBatch* batch, SpinOptions options, Received* received);

  // See BroadcastReader::Stop.
  Status Stop();

  // Arms the wake word and polls. `*ready`: there is data, or the topic is closed; the word is
  // disarmed.
  Status Arm(bool* ready);
  Status Disarm() { return attachment_.Disarm(); }
  // Idempotent. Every other call fails afterwards.
  void Close();

 private:
  // Exists from the first Seek to Close.
  struct Open {
    explicit Open(const PeerSegment& writer)
        : reader(writer),
          spin_wait(&reader),
          room_waker(&writer.control_as<BroadcastControl>()->room_wake) {}
    // The wait points at another member.
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;
    ~Open() = default;

    BroadcastReader reader;
    SpinWait<BroadcastReader> spin_wait;
    Waker room_waker;
  };

  Status CheckUsable() const;
  Status KeepViolation(Status status);
  [[nodiscard]] bool LoadClosed() const;
  // States the position to the writer if it waits for this reader.
  void Release(bool* writer_waits);

  bool blocks_;
  Status violation_;
  ReaderAttachment attachment_{SegmentKind::kBroadcast};
  std::optional<Open> open_;
};

}  // namespace shmwire
