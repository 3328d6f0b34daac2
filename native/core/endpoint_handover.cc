#include <utility>

#include "core/endpoint.h"
#include "platform/doorbell.h"

// The handover: how an end gets its own memory and its peer's.

namespace shmwire {

Status Endpoint::Create(uint64_t ring_bytes, uint64_t message_bytes_max) {
  if (own_.valid() || closed_) {
    return Status::Error(StatusCode::kInvalidArgument, "the endpoint is already created");
  }
  message_bytes_max_ = message_bytes_max;
  return OwnSegment::Create(ring_bytes, &own_);
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
  platform::Handle own;
  platform::Handle peer_end;
  if (Status status = platform::MakeDoorbell(&own, &peer_end); !status.ok()) return status;
  Status status = platform::SendToHandoverSocket(socket_path, token, own_.handle(), peer_end, full);
  if (status.ok() && !*full) own_doorbell_ = std::move(own);
  return status;
}

Status Endpoint::AttachOffered(const platform::Credentials* server) {
  if (Status status = CheckCreated(); !status.ok()) return status;
  if (!own_doorbell_.valid()) {
    return Status::Error(StatusCode::kInvalidArgument, "the endpoint has offered no handles");
  }
  platform::Handle memory;
  Status status = platform::ReceiveHandles(own_doorbell_, server, &memory, &peer_doorbell_);
  if (!status.ok()) return status;
  status = platform::RefuseHandles(&own_doorbell_);
  if (!status.ok()) return status;
  PeerSegment peer;
  status = PeerSegment::Map(memory, &peer);
  if (!status.ok()) return status;
  // The mapping keeps the memory.
  memory.CloseHere();
  return Attach(std::move(peer));
}

Status Endpoint::AcceptHandles(platform::HandoverSocket* socket, const platform::Token& token) {
  if (Status status = CheckCreated(); !status.ok()) return status;
  platform::Handover handover;
  if (Status status = socket->Take(token, &handover); !status.ok()) return status;
  Status status = platform::CheckDoorbell(handover.doorbell, handover.sender);
  if (!status.ok()) return status;
  PeerSegment peer;
  if (status = PeerSegment::Map(handover.memory, &peer); !status.ok()) return status;
  // The mapping keeps the memory.
  handover.memory.CloseHere();
  platform::Handle peer_end;
  status = platform::MakeDoorbell(&own_doorbell_, &peer_end);
  if (!status.ok()) return status;
  if (status = platform::RefuseHandles(&own_doorbell_); !status.ok()) return status;
  status = platform::SendHandles(handover.doorbell, own_.handle(), peer_end);
  if (!status.ok()) return status;
  peer_doorbell_ = std::move(handover.doorbell);
  return Attach(std::move(peer));
}

Status Endpoint::Attach(PeerSegment peer) {
  if (Status status = CheckCreated(); !status.ok()) return status;
  peer_ = std::move(peer);
  // CheckDoorbell accepted it, so closing it does not block.
  peer_doorbell_.CloseHere();
  connection_.emplace(own_, peer_, message_bytes_max_);
  // Both sides have mapped the memory; the mappings keep it.
  own_.CloseHandle();
  return {};
}

}  // namespace shmwire
