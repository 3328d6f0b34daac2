#include <utility>

#include "core/endpoint.h"
#include "core/segment_handover.h"
#include "platform/doorbell.h"

// The handover: how an end gets its own memory and its peer's.

namespace shmwire {

Status Endpoint::Create(uint64_t ring_bytes, uint64_t message_bytes_max,
                        const platform::MemoryId* id) {
  if (own_.valid() || closed_) {
    return Status::Error(StatusCode::kInvalidArgument, "the endpoint is already created");
  }
  message_bytes_max_ = message_bytes_max;
  OwnSegment own;
  if (Status status = OwnSegment::Create(ring_bytes, &own, id); !status.ok()) return status;
  if (Status status = wait_objects_.Create(own.id()); !status.ok()) return status;
  own_ = std::move(own);
  return {};
}

Status Endpoint::CheckCreated() const {
  if (closed_) return Status::Error(StatusCode::kClosed, "the endpoint is closed");
  if (!own_.valid()) {
    return Status::Error(StatusCode::kInvalidArgument, "the endpoint was not created");
  }
  if (connection_.has_value()) {
    return Status::Error(StatusCode::kInvalidArgument, "the endpoint already has a peer");
  }
  return {};
}

Status Endpoint::OfferHandles(const char* socket_path, const platform::Token& token, bool* full) {
  *full = false;
  if (Status status = CheckCreated(); !status.ok()) return status;
  return OfferSegment(own_, socket_path, token, &own_doorbell_, full);
}

Status Endpoint::AttachOffered(const platform::Credentials* server) {
  if (Status status = CheckCreated(); !status.ok()) return status;
  if (!own_doorbell_.valid()) {
    return Status::Error(StatusCode::kInvalidArgument, "the endpoint has offered no handles");
  }
  platform::Handle memory;
  Status status =
      platform::ReceiveHandles(own_doorbell_, server, &memory, &peer_doorbell_, own_.id());
  if (!status.ok()) return status;
  status = platform::RefuseHandles(&own_doorbell_);
  if (!status.ok()) return status;
  PeerSegment peer;
  if (status = MapPeer(std::move(memory), &peer); !status.ok()) return status;
  return Attach(std::move(peer));
}

Status Endpoint::AcceptHandles(platform::HandoverSocket* socket, const platform::Token& token) {
  if (Status status = CheckCreated(); !status.ok()) return status;
  platform::Handover handover;
  if (Status status = socket->Take(token, &handover); !status.ok()) return status;
  Status status = platform::CheckDoorbell(handover.doorbell, handover.sender);
  if (!status.ok()) return status;
  PeerSegment peer;
  if (status = MapPeer(std::move(handover.memory), &peer); !status.ok()) return status;
  status = AnswerWithSegment(own_, handover.doorbell, &own_doorbell_);
  if (!status.ok()) return status;
  peer_doorbell_ = std::move(handover.doorbell);
  return Attach(std::move(peer));
}

Status Endpoint::MapPeer(platform::Handle memory, PeerSegment* peer) {
  if (Status status = PeerSegment::Map(memory, peer); !status.ok()) return status;
  // The mapping keeps the memory.
  memory.CloseHere();
  return wait_objects_.Open(platform::PeerMemoryId(own_.id()), peer->owner());
}

Status Endpoint::Attach(PeerSegment peer) {
  if (Status status = CheckCreated(); !status.ok()) return status;
  peer_ = std::move(peer);
  // CheckDoorbell accepted it, so closing it does not block.
  peer_doorbell_.CloseHere();
  connection_.emplace(own_, peer_, wait_objects_, message_bytes_max_);
  // The mappings keep the memory. The peer has mapped it, or has a handle, or opens it by name.
  if (!platform::kMemoryHasName) own_.CloseHandle();
  return {};
}

}  // namespace shmwire
