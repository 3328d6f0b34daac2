#include "platform/handover_socket.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "platform/windows/named_event.h"
#include "platform/windows/windows_api.h"

// Nothing is sent: each side opens the objects of the other by name. The id of the client's memory
// is the token, and that of the server's memory is its complement. The frames on the control pipe
// order the steps.

namespace shmwire::platform {
namespace {

Status OpenObjects(const MemoryId& id, Handle* memory, Handle* doorbell) {
  const HANDLE section = OpenFileMappingW(FILE_MAP_READ | READ_CONTROL, FALSE,
                                          ObjectName(id, ObjectKind::kMemory).text());
  if (section == nullptr) {
    return Status::Error(StatusCode::kUnavailable,
                         "cannot open the memory of the peer, which may run in another session",
                         LastError());
  }
  *memory = Own(section);
  return OpenPeerEvent(ObjectName(id, ObjectKind::kDoorbell), EVENT_MODIFY_STATE, doorbell);
}

}  // namespace

Status HandoverSocket::Bind(const char* /*path*/) { return {}; }

HandoverSocket::Slot* HandoverSocket::Find(const Token& token) {
  auto* const slot = std::find_if(slots_.begin(), slots_.end(), [&token](const Slot& one) {
    return one.state != SlotState::kFree && one.token == token;
  });
  return slot == slots_.end() ? nullptr : slot;
}

Status HandoverSocket::Expect(const Token& token, const Credentials* /*sender*/) {
  if (Find(token) != nullptr) {
    return Status::Error(StatusCode::kInvalidArgument, "the token is already expected");
  }
  auto* const slot = std::find_if(slots_.begin(), slots_.end(),
                                  [](const Slot& one) { return one.state == SlotState::kFree; });
  if (slot == slots_.end()) {
    return Status::Error(StatusCode::kOutOfMemory, "too many tokens are expected");
  }
  slot->state = SlotState::kExpected;
  slot->token = token;
  return {};
}

void HandoverSocket::Discard(const Token& token) {
  if (Slot* const slot = Find(token); slot != nullptr) *slot = Slot();
}

Status HandoverSocket::Drain(bool* rested) {
  *rested = false;
  return {};
}

Status HandoverSocket::Settle(const Token& token, bool* settled) {
  *settled = true;
  if (Find(token) != nullptr) return {};
  return Status::Error(StatusCode::kInvalidArgument, "the token is not expected");
}

Status HandoverSocket::Take(const Token& token, Handover* handover) {
  bool settled = false;
  if (Status status = Settle(token, &settled); !status.ok()) return status;
  Discard(token);
  MemoryId id;
  static_assert(sizeof(id) == kTokenBytes);
  std::memcpy(id.data(), token.data(), sizeof(id));
  return OpenObjects(id, &handover->memory, &handover->doorbell);
}

void HandoverSocket::Close() {
  for (Slot& slot : slots_) slot = Slot();
}

Status SendToHandoverSocket(const char* /*path*/, const Token& /*token*/, const Handle& /*memory*/,
                            const Handle& /*doorbell*/, bool* full) {
  *full = false;
  return {};
}

Status SendHandles(const Handle& /*peer_doorbell*/, const Handle& /*memory*/,
                   const Handle& /*doorbell*/) {
  return {};
}

Status ReceiveHandles(const Handle& /*own_doorbell*/, const Credentials* /*sender*/, Handle* memory,
                      Handle* peer_doorbell, const MemoryId& own) {
  return OpenObjects(PeerMemoryId(own), memory, peer_doorbell);
}

}  // namespace shmwire::platform
