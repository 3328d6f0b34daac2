#pragma once

// The writer of a topic: its segment, its readers, and the wake protocol between them.
//
// Used by one thread. Create comes first, and Close at any time.

#include <cstdint>
#include <optional>

#include "core/broadcast_writer.h"
#include "core/reader_heads.h"
#include "core/status.h"
#include "core/wake.h"
#include "core/writer_attachment.h"

namespace shmwire {

class BroadcastPublisher {
 public:
  BroadcastPublisher() = default;
  BroadcastPublisher(const BroadcastPublisher&) = delete;
  BroadcastPublisher& operator=(const BroadcastPublisher&) = delete;
  ~BroadcastPublisher() { Close(); }

  // Creates the own segment, once. Errors: as WriterAttachment::Create.
  Status Create(uint64_t ring_bytes);

  // A reader that arrived with the token. `blocks`: Publish does not overwrite what it has not
  // read. `*reader`: its index, until Detach. Errors: as WriterAttachment::Accept.
  Status Accept(platform::HandoverSocket* socket, const platform::Token& token, bool blocks,
                uint32_t* reader);
  // Ensures that the next AddBlocking does not fail. Errors: kClosed, kOutOfMemory.
  Status ReserveBlocking();
  // Adds a reader of this process, after ReaderAttachment::AttachOwn.
  Status AddBlocking(uint32_t reader);
  // No effect if there is no such reader.
  void Detach(uint32_t reader);

  // Publishes a message, and wakes the readers that sleep. `*sequence`: 0 if a blocking reader has
  // not read enough; then nothing was published. Errors: kClosed, kMessageTooLarge.
  Status Publish(const BroadcastMessage& message, uint64_t* sequence, WakeCounts* counts);
  // Wakes the readers that sleep and were not woken, as Publish does.
  Status Wake(WakeCounts* counts);

  // After Publish found no room: arms the room wake word, checks for the room of that message, and
  // disarms if there is room.
  Status ArmForRoom(bool* has_room);
  Status DisarmForRoom();
  // See ReaderHeads.
  [[nodiscard]] uint32_t slowest() const;
  [[nodiscard]] uint32_t violator() const;

  [[nodiscard]] WriterAttachment* attachment() { return &attachment_; }
  // Announces the close, and wakes the readers that sleep. Keeps the memory.
  void AnnounceClosed(WakeCounts* counts);
  // Announces the close and drops the memory, which readers keep. Idempotent. Every other call but
  // Detach fails afterwards.
  void Close();

 private:
  // Exists from Create to Close.
  struct Open {
    explicit Open(const OwnSegment& own)
        : writer(own),
          heads(own.data_bytes()),
          room_sleeper(&own.control_as<BroadcastControl>()->room_wake) {}

    BroadcastWriter writer;
    ReaderHeads heads;
    Sleeper room_sleeper;
    // Of the last message that had no room.
    uint64_t refused_length = 0;
  };

  WriterAttachment attachment_;
  std::optional<Open> open_;
};

}  // namespace shmwire
