#pragma once

// One end of a connection: own segment and the peer's, writer, reader, and the wake protocol
// between them.
//
// Used by one thread. The life of an end: Create; then either OfferHandles and AttachOffered
// (client), or AcceptHandles (server); then everything else; Close at any time. Nothing here runs
// on its own. Wait blocks; Receive may spin, give the core away and nap.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "core/blocking_wait.h"
#include "core/ring_reader.h"
#include "core/ring_writer.h"
#include "core/segment.h"
#include "core/status.h"
#include "core/wake.h"
#include "platform/bell.h"
#include "platform/handle.h"
#include "platform/handle_inbox.h"

namespace shmwire {

class Endpoint {
 public:
  Endpoint() = default;
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  ~Endpoint() { Close(); }

  // Creates own segment. Messages above `message_bytes_max` are neither written nor accepted. Once.
  Status Create(uint64_t ring_bytes, uint64_t message_bytes_max);

  // Client: sends own memory and the bell that it listens to to the inbox. `*full`: the inbox has
  // no place.
  Status OfferHandles(const char* inbox_path, const platform::Token& token, bool* full);
  // Client: maps what came back through the bell, and only from the process of `server` if given.
  Status AttachOffered(const platform::Credentials* server);
  // Server: maps what came with the token, and sends own memory and bell back.
  Status AcceptHandles(platform::HandleInbox* inbox, const platform::Token& token);
  // Either: the last step of both. Once. The segment may be borrowed (tests).
  Status Attach(PeerSegment peer);

  // The end of own bell, for the event loop to listen to and to close before Close; none before the
  // handover, and the second time.
  intptr_t LendBell();
  // For whoever is told by `*doorbell` that the peer's event loop must be rung. Errors: as
  // platform::RingBell.
  Status RingBell();

  // Writes payload[*offset..] as far as there is room, and publishes. Moves `*offset`; `*wrote`
  // says whether anything was written. `*doorbell` is set when the peer's event loop must be rung.
  Status Write(uint16_t kind, uint32_t id, const std::byte* payload, uint64_t length,
               uint64_t* offset, bool* wrote, bool* doorbell);
  // Whether a record of `length` bytes of payload, or a full fragment of them, could be written
  // now.
  Status HasRoom(uint64_t length, bool* has_room);
  // Arms, looks, and disarms if there is room for `length` bytes, or for a full fragment of them.
  Status ArmForRoom(uint64_t length, bool* has_room);
  // Also after a violation. Errors: kClosed.
  Status DisarmForRoom();

  // Room for one record of `length` payload bytes in own memory, as RingWriter::Claim: `*offset` is
  // that of the payload in own data area, -1 when there is no room.
  Status Claim(uint64_t length, int64_t* offset);
  // Writes what was claimed, as Write does.
  Status Commit(uint16_t kind, uint32_t id, uint64_t length, bool* doorbell);
  // Gives the claim up. Idempotent.
  Status Abort();

  // Appends whole messages to the batch and releases them, or leaves that to Release when the batch
  // has no target. When there is nothing to read, looks for up to `spin_nanos`, then once more
  // after giving the core away if `yield_cpu`. Messages before a violation are delivered; the next
  // call reports it, as does each one after.
  Status Receive(Batch* batch, uint64_t spin_nanos, bool yield_cpu, bool* doorbell);
  // Whether, in the last Receive or Assemble, another program took the core that was given away,
  // and kept it for long: the machine is busy, and who asks for the core by being woken is served
  // sooner.
  [[nodiscard]] bool core_lost() const { return core_lost_; }
  // Gives back what Receive has shown in place.
  Status Release(bool* doorbell);
  // Copies further fragments (RingReader::Assemble). When there is none, looks as Receive does.
  Status Assemble(std::byte* target, uint64_t target_bytes, uint64_t spin_nanos, bool yield_cpu,
                  AssembledMessage* message, bool* doorbell);
  // Arms, looks, and disarms if there is data.
  Status ArmForData(bool* has_data);
  // Also after a violation. Errors: kClosed.
  Status DisarmForData();
  // Blocks this thread until what it waits for is there, the peer is gone, or the time has passed.
  Status Wait(const WaitFor& wait, WaitOutcome* outcome);
  // Right after kInterrupted: goes on with that wait.
  Status ContinueWait(WaitOutcome* outcome);

  // Looks at the peer's ring for the last time; see RingReader::Freeze.
  Status Freeze();
  // Bytes published and not yet read by the peer.
  Status DepthBytes(uint64_t* bytes);

  // For a peer in this process (see PeerSegment::Borrow), and for what Claim and Receive in place
  // point at.
  [[nodiscard]] const OwnSegment& own() const { return own_; }
  [[nodiscard]] const PeerSegment& peer() const { return peer_; }

  // Tells the peer, and wakes it if it is blocked, without giving anything back.
  void AnnounceClosed();
  // Announces, closes all handles, and gives both mappings up, which their other owners keep.
  // Idempotent; every other call fails afterwards.
  void Close();

 private:
  // Exists from Attach to Close.
  struct Connection {
    Connection(const OwnSegment& own, const PeerSegment& peer, uint64_t message_bytes_max);
    // The wait points at its siblings.
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() = default;

    RingWriter writer;
    RingReader reader;
    Sleeper data_sleeper;
    Sleeper room_sleeper;
    Waker data_waker;
    Waker room_waker;
    BlockingWait blocking_wait;
  };

  Status CheckCreated() const;
  Status CheckUsable() const;
  Status CheckLength(uint64_t length) const;
  // Remembers a violation of the peer: there is no way on after one.
  Status Note(Status status);
  Status Poll(bool* has_data);
  Status SpinForData(uint64_t spin_nanos, bool yield_cpu);
  Status YieldForData(bool spun);
  void Publish(bool* doorbell);
  void RingPeer(Ring ring, bool* doorbell);
  void RingSignal();
  void ReleaseRead(bool* doorbell);

  uint64_t message_bytes_max_ = 0;
  // Spinning is in vain while the peer shares our core: so many looks at an empty ring do without.
  uint32_t looks_without_spin_ = 0;
  uint64_t last_nap_ = 0;
  bool core_lost_ = false;
  bool closed_ = false;
  Status violation_;
  OwnSegment own_;
  PeerSegment peer_;
  platform::Handle own_bell_;
  platform::LentBell lent_bell_;
  platform::Handle peer_bell_;
  std::optional<Connection> connection_;
};

}  // namespace shmwire
