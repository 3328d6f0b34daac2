#include "core/segment_handover.h"

#include <utility>

#include "platform/doorbell.h"

namespace shmwire {

Status OfferSegment(const OwnSegment& own, const char* socket_path, const platform::Token& token,
                    platform::Handle* own_doorbell, bool* full) {
  platform::Handle made;
  platform::Handle peer_end;
  if (Status status = platform::MakeDoorbell(&made, &peer_end, own.id()); !status.ok()) {
    return status;
  }
  Status status = platform::SendToHandoverSocket(socket_path, token, own.handle(), peer_end, full);
  if (status.ok() && !*full) *own_doorbell = std::move(made);
  return status;
}

Status AnswerWithSegment(const OwnSegment& own, const platform::Handle& peer_doorbell,
                         platform::Handle* own_doorbell) {
  platform::Handle peer_end;
  Status status = platform::MakeDoorbell(own_doorbell, &peer_end, own.id());
  if (!status.ok()) return status;
  if (status = platform::RefuseHandles(own_doorbell); !status.ok()) return status;
  return platform::SendHandles(peer_doorbell, own.handle(), peer_end);
}

}  // namespace shmwire
