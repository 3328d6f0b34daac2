#pragma once

// The steps of a handover (platform/handover_socket.h) that are the same for both ends of a
// channel, and for topics and cells.

#include "core/segment.h"
#include "core/status.h"
#include "platform/handle.h"
#include "platform/handover_socket.h"

namespace shmwire {

// Sends `own` and the other end of a new doorbell to the handover socket. `*full`: its queue was
// full, and nothing was sent. `*own_doorbell`: set after success. Errors: as MakeDoorbell and
// SendToHandoverSocket.
Status OfferSegment(const OwnSegment& own, const char* socket_path, const platform::Token& token,
                    platform::Handle* own_doorbell, bool* full);

// Answers with `own` and the other end of a new doorbell, through the peer's checked doorbell.
// Errors: as MakeDoorbell, RefuseHandles and SendHandles.
Status AnswerWithSegment(const OwnSegment& own, const platform::Handle& peer_doorbell,
                         platform::Handle* own_doorbell);

}  // namespace shmwire
