#pragma once

// A reader's side of the handover to the writer of a topic or a cell, and of sleeping.
//
// Used by one thread. A reader calls Offer and Attach, or AttachOwn; then everything else; and
// Close at any time.

#include <cstdint>

#include "core/attached_readers.h"
#include "core/reader_layout.h"
#include "core/segment.h"
#include "core/status.h"
#include "core/wake.h"
#include "platform/doorbell.h"
#include "platform/handle.h"
#include "platform/handover_socket.h"

namespace shmwire {

class ReaderAttachment {
 public:
  // `kind`: of the writer's segment.
  explicit ReaderAttachment(SegmentKind kind) : kind_(kind), sleeper_(nullptr) {}
  ReaderAttachment(const ReaderAttachment&) = delete;
  ReaderAttachment& operator=(const ReaderAttachment&) = delete;
  ~ReaderAttachment() { Close(); }

  // Sends the own memory and the writer's end of the own doorbell to the handover socket. `*full`:
  // its queue was full, and nothing was sent; call it again. Errors: as SendToHandoverSocket.
  Status Offer(const char* socket_path, const platform::Token& token, bool* full);
  // Maps the memory that the own doorbell received, from the process of `server` if not null.
  // Errors: as ReceiveHandles and PeerSegment::Map.
  Status Attach(const platform::Credentials* server);
  // The last step of Attach, and Create, which Offer calls. Tests pass a borrowed segment.
  Status Attach(PeerSegment writer);
  Status Create();
  // Instead of Offer and Attach, for a writer in this process: adds the own segment to its readers.
  Status AttachOwn(const OwnSegment& writer, AttachedReaders* readers, uint32_t* reader);

  // Works after a violation, too. Errors: kClosed, kInvalidArgument (not attached).
  Status Disarm();
  // See Endpoint::TransferDoorbell. kNone after AttachOwn.
  intptr_t TransferDoorbell();
  // Idempotent.
  void Close();

  // ok only while attached.
  [[nodiscard]] Status CheckAttached() const;
  // The following only while attached.
  [[nodiscard]] const OwnSegment& own() const { return own_; }
  [[nodiscard]] const PeerSegment& writer() const { return writer_; }
  [[nodiscard]] ReaderControl* control() const { return own_.control_as<ReaderControl>(); }
  [[nodiscard]] Sleeper* sleeper() { return &sleeper_; }

 private:
  // Errors: kClosed, kInvalidArgument (attached already).
  [[nodiscard]] Status CheckUnattached() const;

  SegmentKind kind_;
  bool closed_ = false;
  OwnSegment own_;
  PeerSegment writer_;
  Sleeper sleeper_;
  platform::Handle own_doorbell_;
  platform::EventLoopDoorbell event_loop_doorbell_;
};

}  // namespace shmwire
