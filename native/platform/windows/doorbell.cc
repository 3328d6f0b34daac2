#include "platform/doorbell.h"

#include <utility>

#include "platform/windows/named_event.h"
#include "platform/windows/windows_api.h"

namespace shmwire::platform {

Status MakeDoorbell(Handle* own, Handle* peer_end, const MemoryId& id) {
  const ObjectName name(id, ObjectKind::kDoorbell);
  const wchar_t* const text = id == MemoryId() ? nullptr : name.text();
  if (Status status = CreateOwnEvent(text, EVENT_MODIFY_STATE, own); !status.ok()) return status;
  HANDLE duplicate = nullptr;
  if (DuplicateHandle(GetCurrentProcess(), Native(*own), GetCurrentProcess(), &duplicate,
                      EVENT_MODIFY_STATE, FALSE, 0) == 0) {
    return Status::Error(StatusCode::kOutOfMemory, "cannot create a doorbell", LastError());
  }
  *peer_end = Own(duplicate);
  return {};
}

Status RefuseHandles(Handle* /*own*/) { return {}; }

// The peer's doorbell was opened by name, as an event of this user.
Status CheckDoorbell(const Handle& /*doorbell*/, const Credentials& /*peer*/) { return {}; }

Status WakeThroughDoorbell(const Handle& doorbell) {
  if (SetEvent(Native(doorbell)) != 0) return {};
  return Status::Error(StatusCode::kUnavailable, "cannot wake the peer (SetEvent)", LastError());
}

intptr_t EventLoopDoorbell::Transfer(Handle doorbell) {
  doorbell_ = std::move(doorbell);
  return doorbell_.native();
}

// The event loop watches a duplicate.
void EventLoopDoorbell::Reclaim() { doorbell_.Close(); }

}  // namespace shmwire::platform
