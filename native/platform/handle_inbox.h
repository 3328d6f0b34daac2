#pragma once

// How handles travel beside the control socket.
//
//   client                                       server
//     MakeBell: own, given                         HandleInbox::Bind, Expect(token)
//     SendToInbox(token, memory, given)   --->     Take(token): memory, bell
//                                                  MakeBell: own, given
//     ReceiveHandles(own, server)         <---     SendHandles(bell, memory, given)
//
// So the client's bell brings the answer, before it is only rung.
//
// Nothing here blocks. The control socket says when each step may be tried: what was sent before a
// frame is there when the frame is.

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/status.h"
#include "platform/handle.h"
#include "platform/process.h"

namespace shmwire::platform {

inline constexpr size_t kTokenBytes = 16;
using Token = std::array<uint8_t, kTokenBytes>;

// What a client handed over.
struct Handover {
  Handle memory;
  Handle bell;
  Credentials sender;
};

// A server's end. Anybody may send to it, so all that arrives is suspect: whatever is not exactly a
// token that is expected, two handles and credentials is dropped, and every handle in it closed.
// Used by one thread.
class HandleInbox {
 public:
  // Handshakes that may be under way at once. Bounds the handles that clients can make us hold.
  static constexpr size_t kExpectedMax = 256;

  HandleInbox() = default;
  HandleInbox(const HandleInbox&) = delete;
  HandleInbox& operator=(const HandleInbox&) = delete;

  // `path` must not exist. Errors: kNameInUse, kInvalidArgument (too long), kDenied, kUnavailable,
  // kOutOfMemory.
  Status Bind(const char* path);
  // Lets one handover with this token in, and only from `sender` if given. Errors: kInvalidArgument
  // (expected already), kOutOfMemory (kExpectedMax).
  Status Expect(const Token& token, const Credentials* sender);
  // Forgets the token and what came with it. Idempotent.
  void Discard(const Token& token);
  // Reads what is queued, for about 1 ms of processor time at most, and no further when too many
  // descriptors wait to be closed. `*rested`: nothing was read, because the last call reached one
  // of these bounds a few milliseconds ago: call again later. Errors of single handovers show when
  // they are taken. Errors: kClosed, kUnavailable (too many descriptors wait to be closed for long,
  // or the socket cannot be read).
  Status Drain(bool* rested);
  // Reads as Drain does, until something acceptable came with the token. `*settled`: Take has its
  // result; otherwise more is queued: call again in a few milliseconds. Errors: as Drain, and
  // kInvalidArgument (not expected).
  Status Settle(const Token& token, bool* settled);
  // Settles, takes what came with the token, and forgets the token. Errors: as Settle, and kCorrupt
  // (nothing acceptable came), kOutOfMemory (no handles left to receive into), kUnavailable (not
  // settled, or the sender has changed its user since it connected).
  Status Take(const Token& token, Handover* handover);
  // Gives everything back. Idempotent. Leaves the path.
  void Close();

 private:
  // kMissing: the queue was empty when the client said that it has sent.
  enum class SlotState : uint8_t { kFree, kExpected, kArrived, kNoHandles, kMissing };

  struct Slot {
    SlotState state = SlotState::kFree;
    bool has_sender = false;
    // The right process sent the token, but as another user or group.
    bool sender_changed = false;
    Credentials sender;
    Token token{};
    Handover handover;
  };

  Slot* Find(const Token& token);
  enum class ReadEnd : uint8_t { kRested, kBound, kEmpty, kArrived };

  // Reads until the queue is empty, the bound is reached, or something came for `wanted`, if given.
  Status ReadQueue(const Slot* wanted, ReadEnd* end);
  // False when the queue is empty.
  bool ReceiveOne(Status* status);

  Handle socket_;
  // On the monotonic clock: not read before.
  uint64_t rests_until_nanos_ = 0;
  std::array<Slot, kExpectedMax> slots_;
};

// `*full`: the inbox has no place now; nothing was sent. Errors: kInvalidArgument (path),
// kUnavailable (cannot be reached), kOutOfMemory.
Status SendToInbox(const char* path, const Token& token, const Handle& memory, const Handle& bell,
                   bool* full);

// Sends `memory` and `bell` through the bell of the peer, which has been checked. Errors: kCorrupt
// (it takes no message), kPeerGone, kOutOfMemory.
Status SendHandles(const Handle& peer_bell, const Handle& memory, const Handle& bell);

// Takes from one's own bell what SendHandles has sent, and only from the process of `sender` if
// given: that process may have changed its user since. Errors: kCorrupt (nothing there, or from
// another process, or not exactly two handles, or the second is no bell of the sender), kPeerGone,
// kOutOfMemory, kUnavailable (the bell cannot be read).
Status ReceiveHandles(const Handle& own_bell, const Credentials* sender, Handle* memory,
                      Handle* peer_bell);

}  // namespace shmwire::platform
