#pragma once

// One side of a connection: both segments, a writer, a reader, and the wake protocol between them.
//
// Used by one thread. A side calls Create; then OfferHandles and AttachOffered (client), or
// AcceptHandles (server); then everything else; and Close at any time. A side has no thread of its
// own. Wait blocks. Receive and Assemble may spin, yield the core and nap.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "core/blocking_wait.h"
#include "core/ring_reader.h"
#include "core/ring_writer.h"
#include "core/segment.h"
#include "core/spin_wait.h"
#include "core/status.h"
#include "core/wake.h"
#include "core/wake_times.h"
#include "platform/doorbell.h"
#include "platform/handle.h"
#include "platform/handover_socket.h"
#include "platform/shared_memory.h"
#include "platform/wait_objects.h"

namespace shmwire {

class Endpoint {
 public:
  Endpoint() = default;
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  ~Endpoint() { Close(); }

  // Creates the own segment, once. Longer messages are neither written nor accepted. Where memory
  // has a name, the handover needs an `id`: the token (client) or its complement (server).
  Status Create(uint64_t ring_bytes, uint64_t message_bytes_max,
                const platform::MemoryId* id = nullptr);

  // Client: sends the own memory and the peer's end of the own doorbell to the handover socket.
  // `*full`: its queue was full, and nothing was sent.
  Status OfferHandles(const char* socket_path, const platform::Token& token, bool* full);
  // Client: maps the memory that the own doorbell received, from the process of `server` if not
  // null.
  Status AttachOffered(const platform::Credentials* server);
  // Server: maps the memory that arrived with the token, and sends the own memory and doorbell.
  Status AcceptHandles(platform::HandoverSocket* socket, const platform::Token& token);
  // The last step of both, once. Tests pass a borrowed segment.
  Status Attach(PeerSegment peer);

  // Transfers the own end of the own doorbell to the event loop, which must close it before Close.
  // kNone before the handover, and the second time.
  intptr_t TransferDoorbell();
  // Wakes the peer's event loop, after a call set `*needs_wake`. Errors: kOutOfMemory,
  // kUnavailable.
  Status WakeThroughDoorbell();

  // Writes and publishes as much of payload[*offset..] as there is room for. Advances `*offset`;
  // `*wrote` is true if it wrote anything. Sets `*needs_wake` if the peer's event loop sleeps, also
  // for a growth step after a record without room.
  Status Write(uint16_t kind, uint32_t id, const std::byte* payload, uint64_t length,
               uint64_t* offset, bool* wrote, bool* needs_wake);
  // Writes whole messages, as many as there is room for, and publishes them together. Each lies in
  // `records` like in a ring (ring_layout.h), without a PAD; its flags and sequence have no effect.
  // `*taken`: how many bytes of `records` are written. Errors: kInvalidArgument and
  // kMessageTooLarge, after the messages before the wrong one.
  Status WriteRecords(const std::byte* records, uint64_t length, uint64_t* taken, bool* needs_wake);
  // Whether there is room for a record of `length` payload bytes, or for a full fragment of them.
  Status HasRoom(uint64_t length, bool* has_room);
  // Arms the room wake word, checks as HasRoom does, and disarms if there is room.
  Status ArmForRoom(uint64_t length, bool* has_room);
  // Works after a violation, too. Errors: kClosed.
  Status DisarmForRoom();

  // The largest payload of one record: more after an elastic ring has grown. 0 without a peer.
  [[nodiscard]] uint64_t InlineBytesMax() const;
  // Claims room for one record in the own ring (RingWriter::Claim). `*offset`: where its payload
  // starts in the own data area; -1 if there is no room. `*needs_wake` as Write.
  Status Claim(uint64_t length, int64_t* offset, bool* needs_wake);
  // Publishes the claimed record as Write does.
  Status Commit(uint16_t kind, uint32_t id, uint64_t length, bool* needs_wake);
  // Drops the claim. Idempotent.
  Status Abort();

  // Appends whole messages to the batch. Releases them if the batch has a target; otherwise, call
  // Release. While the ring is empty, waits as the options say. A violation ends the batch after
  // the messages before it; every later call reports it.
  Status Receive(Batch* batch, SpinOptions options, bool* needs_wake);
  // Of the last Receive or Assemble: see SpinWait.
  [[nodiscard]] bool preempted() const {
    return connection_.has_value() && connection_->spin_wait.preempted();
  }
  // Releases the messages that Receive left in place.
  Status Release(bool* needs_wake);
  // Copies further fragments (RingReader::Assemble). Waits as Receive does.
  Status Assemble(std::byte* target, uint64_t target_bytes, SpinOptions options,
                  AssembledMessage* message, bool* needs_wake);
  // Arms the data wake word, polls, and disarms if there is data.
  Status ArmForData(bool* has_data);
  // Works after a violation, too. Errors: kClosed.
  Status DisarmForData();
  // Blocks this thread: see BlockingWait::Begin.
  Status Wait(const WaitFor& wait, WaitOutcome* outcome);
  // See BlockingWait::Continue.
  Status ContinueWait(WaitOutcome* outcome);

  // This side was woken after `waited_nanos`: see WakeTimes. Works after a violation, too. Errors:
  // kClosed.
  Status Woken(uint64_t waited_nanos, uint64_t* wake_nanos);
  // Of a wait that has lasted `waited_nanos`, likewise.
  Status PeerWakeNanos(uint64_t waited_nanos, uint64_t* wake_nanos) const;

  // Polls the peer's ring for the last time: see RingReader::Freeze.
  Status Freeze();
  // Bytes that are published and that the peer has not released.
  Status DepthBytes(uint64_t* bytes);

  // For a peer in this process (PeerSegment::Borrow), and for payloads in place.
  [[nodiscard]] const OwnSegment& own() const { return own_; }
  [[nodiscard]] const PeerSegment& peer() const { return peer_; }

  // Announces the close and wakes a blocked peer. Keeps the handles and the mappings.
  void AnnounceClosed();
  // Announces the close, closes all handles and drops both mappings; their other owners keep them.
  // Idempotent. Every other call fails afterwards.
  void Close();

 private:
  // Exists from Attach to Close.
  struct Connection {
    Connection(const OwnSegment& own, const PeerSegment& peer,
               const platform::WaitObjects& wait_objects, uint64_t message_bytes_max);
    // The waits point at other members.
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() = default;

    RingWriter writer;
    RingReader reader;
    Sleeper data_sleeper;
    Sleeper room_sleeper;
    Waker data_waker;
    Waker room_waker;
    WakeTimes wake_times;
    SpinWait<RingReader> spin_wait;
    BlockingWait blocking_wait;
  };

  Status CheckCreated() const;
  // Maps the memory of the peer, and opens what waits for it need.
  Status MapPeer(platform::Handle memory, PeerSegment* peer);
  Status CheckUsable() const;
  Status CheckLength(uint64_t length) const;
  // Writes the record at the start of `bytes_left` bytes. `*span`: its bytes; 0 if it was not
  // written.
  Status WriteRecord(const std::byte* record, uint64_t bytes_left, uint64_t* span);
  // Keeps a violation of the peer: every later call fails with it.
  Status KeepViolation(Status status);
  void Publish(bool* needs_wake);
  // After a record found no room.
  void PublishGrowth(bool* needs_wake);
  void WakePeer(WakeAction action, bool* needs_wake);
  void WakeBlockedPeer();
  void ReleaseRead(bool* needs_wake);

  uint64_t message_bytes_max_ = 0;
  bool closed_ = false;
  Status violation_;
  OwnSegment own_;
  PeerSegment peer_;
  platform::WaitObjects wait_objects_;
  platform::Handle own_doorbell_;
  platform::EventLoopDoorbell event_loop_doorbell_;
  platform::Handle peer_doorbell_;
  std::optional<Connection> connection_;
};

}  // namespace shmwire
