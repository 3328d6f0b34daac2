#include <utility>

#include "core/endpoint.h"
#include "platform/bell.h"

// How an end comes by its own memory and its peer's.

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

Status Endpoint::OfferHandles(const char* inbox_path, const platform::Token& token, bool* full) {
  *full = false;
  if (Status status = CheckCreated(); !status.ok()) return status;
  platform::Handle own;
  platform::Handle given;
  if (Status status = platform::MakeBell(&own, &given); !status.ok()) return status;
  Status status = platform::SendToInbox(inbox_path, token, own_.handle(), given, full);
  if (status.ok() && !*full) own_bell_ = std::move(own);
  return status;
}

Status Endpoint::AttachOffered(const platform::Credentials* server) {
  if (Status status = CheckCreated(); !status.ok()) return status;
  if (!own_bell_.valid()) {
    return Status::Error(StatusCode::kInvalidArgument, "the endpoint has offered no handles");
  }
  platform::Handle memory;
  Status status = platform::ReceiveHandles(own_bell_, server, &memory, &peer_bell_);
  if (!status.ok()) return status;
  status = platform::RefuseHandles(&own_bell_);
  if (!status.ok()) return status;
  PeerSegment peer;
  status = PeerSegment::Map(memory, &peer);
  if (!status.ok()) return status;
  // The mapping keeps the memory.
  memory.CloseHere();
  return Attach(std::move(peer));
}

Status Endpoint::AcceptHandles(platform::HandleInbox* inbox, const platform::Token& token) {
  if (Status status = CheckCreated(); !status.ok()) return status;
  platform::Handover handover;
  if (Status status = inbox->Take(token, &handover); !status.ok()) return status;
  Status bell_status = platform::CheckBell(handover.bell, handover.sender);
  if (!bell_status.ok()) return bell_status;
  PeerSegment peer;
  if (Status status = PeerSegment::Map(handover.memory, &peer); !status.ok()) return status;
  // The mapping keeps the memory.
  handover.memory.CloseHere();
  platform::Handle given;
  if (Status status = platform::MakeBell(&own_bell_, &given); !status.ok()) return status;
  if (Status status = platform::RefuseHandles(&own_bell_); !status.ok()) return status;
  if (Status status = platform::SendHandles(handover.bell, own_.handle(), given); !status.ok()) {
    return status;
  }
  peer_bell_ = std::move(handover.bell);
  return Attach(std::move(peer));
}

Status Endpoint::Attach(PeerSegment peer) {
  if (Status status = CheckCreated(); !status.ok()) return status;
  peer_ = std::move(peer);
  // CheckBell accepted it.
  peer_bell_.CloseHere();
  connection_.emplace(own_, peer_, message_bytes_max_);
  // Both memories are where they belong; the mappings hold them.
  own_.CloseHandle();
  return {};
}

}  // namespace shmwire
