#pragma once

// The handover: how handles are transferred beside the control socket.
//
//   client                                             server
//     MakeDoorbell: own, peer_end                        HandoverSocket::Bind, Expect(token)
//     SendToHandoverSocket(token, memory, peer_end) -->  Take(token): memory, doorbell
//                                                        MakeDoorbell: own, peer_end
//     ReceiveHandles(own, server)                   <--  SendHandles(doorbell, memory, peer_end)
//
// So the client's doorbell first carries the answer, and later only wake-ups.
//
// On Windows, no handles are transferred. The client gives its memory the token as id, the server
// gives its memory the complement, and Take and ReceiveHandles open the objects by name.
//
// No call blocks. The frames on the control socket order the steps: a datagram that was sent before
// a frame is queued when the frame arrives.

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/status.h"
#include "platform/handle.h"
#include "platform/process.h"
#include "platform/shared_memory.h"

namespace shmwire::platform {

inline constexpr size_t kTokenBytes = 16;
using Token = std::array<uint8_t, kTokenBytes>;

// The handles of a client.
struct Handover {
  Handle memory;
  Handle doorbell;
  Credentials sender;
};

// The server's datagram socket. Every local process may send to it, so all input is untrusted. It
// drops each datagram that is not an expected token with two handles and credentials, and closes
// all of its handles. Used by one thread.
class HandoverSocket {
 public:
  // Concurrent handshakes. Bounds the handles that clients can make this process keep.
  static constexpr size_t kExpectedMax = 256;

  HandoverSocket() = default;
  HandoverSocket(const HandoverSocket&) = delete;
  HandoverSocket& operator=(const HandoverSocket&) = delete;

  // `path` must not exist. Errors: kNameInUse, kInvalidArgument (too long), kDenied, kUnavailable,
  // kOutOfMemory.
  Status Bind(const char* path);
  // Accepts one handover with this token, and only from `sender` if not null. Errors:
  // kInvalidArgument (already expected), kOutOfMemory (kExpectedMax).
  Status Expect(const Token& token, const Credentials* sender);
  // Stops expecting the token and drops its handover. Idempotent.
  void Discard(const Token& token);
  // Reads queued datagrams for about 1 ms of processor time, and stops when too many descriptors
  // wait to be closed. `*rested`: it read nothing, because the last call reached one of these
  // bounds a few milliseconds ago. Take reports the errors of single handovers. Errors: kClosed,
  // kUnavailable (too many descriptors wait to be closed for long, or the socket cannot be read).
  Status Drain(bool* rested);
  // Reads as Drain does, until an acceptable handover has arrived. `*settled`: Take has its result;
  // otherwise call again in a few milliseconds. Errors: as Drain, and kInvalidArgument (not
  // expected).
  Status Settle(const Token& token, bool* settled);
  // Settles, moves out the handover of the token, and stops expecting it. Errors: as Settle, and
  // kCorrupt (no acceptable handover arrived), kOutOfMemory (this process has no free handles),
  // kUnavailable (not settled, or the sender has changed its user since it connected).
  Status Take(const Token& token, Handover* handover);
  // Closes the socket and all received handles. Keeps the path. Idempotent.
  void Close();

 private:
  // kMissing: the queue was empty although the client had announced its handover.
  enum class SlotState : uint8_t { kFree, kExpected, kArrived, kNoHandles, kMissing };

  struct Slot {
    SlotState state = SlotState::kFree;
    bool has_sender = false;
    // The expected process sent the token, but as another user or group.
    bool sender_changed = false;
    Credentials sender;
    Token token{};
    Handover handover;
  };

  Slot* Find(const Token& token);
  enum class ReadEnd : uint8_t { kRested, kBound, kEmpty, kArrived };

  // Reads until the queue is empty, a bound is reached, or a handover arrived for `awaited`.
  Status ReadQueue(const Slot* awaited, ReadEnd* end);
  // False: the queue is empty.
  bool ReceiveOne(Status* status);

  Handle socket_;
  // The monotonic time before which no call reads.
  uint64_t rests_until_nanos_ = 0;
  std::array<Slot, kExpectedMax> slots_;
};

// `*full`: the queue was full, and nothing was sent. Errors: kInvalidArgument (path), kUnavailable
// (cannot be reached), kOutOfMemory.
Status SendToHandoverSocket(const char* path, const Token& token, const Handle& memory,
                            const Handle& doorbell, bool* full);

// Sends `memory` and `doorbell` through the peer's checked doorbell. Errors: kCorrupt (it accepts
// no message), kPeerGone, kOutOfMemory.
Status SendHandles(const Handle& peer_doorbell, const Handle& memory, const Handle& doorbell);

// Receives the handles of SendHandles from the own doorbell, and only from the process of `sender`
// if not null; that process may have changed its user meanwhile. Errors: kCorrupt (none were sent,
// another process sent them, not exactly two, or the second is not a doorbell of the sender),
// kPeerGone, kOutOfMemory, kUnavailable (the doorbell cannot be read). `own`: the id of the own
// memory, where names are used.
Status ReceiveHandles(const Handle& own_doorbell, const Credentials* sender, Handle* memory,
                      Handle* peer_doorbell, const MemoryId& own = {});

}  // namespace shmwire::platform
