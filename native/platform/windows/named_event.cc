#include "platform/windows/named_event.h"

#include <utility>

#include "platform/windows/own_user.h"

namespace shmwire::platform {

Status CreateOwnEvent(const wchar_t* name, DWORD peer_access, Handle* event) {
  OwnUserAccess access(peer_access);
  if (!access.status().ok()) return access.status();
  const HANDLE created = CreateEventW(access.attributes(), FALSE, FALSE, name);
  const int32_t error = LastError();
  if (created == nullptr) {
    return Status::Error(StatusCode::kOutOfMemory, "cannot create an event", error);
  }
  Handle owned = Own(created);
  if (error == ERROR_ALREADY_EXISTS) {
    return Status::Error(StatusCode::kUnavailable, "the name of an event is taken", error);
  }
  *event = std::move(owned);
  return {};
}

Status OpenPeerEvent(const ObjectName& name, DWORD access, Handle* event) {
  const HANDLE opened = OpenEventW(access | READ_CONTROL, FALSE, name.text());
  if (opened == nullptr) {
    return Status::Error(StatusCode::kUnavailable,
                         "cannot open an event of the peer, which may run in another session",
                         LastError());
  }
  Handle owned = Own(opened);
  if (!IsOwnedByThisUser(opened).value_or(false)) {
    return Status::Error(StatusCode::kCorrupt, "an event of the peer belongs to another user");
  }
  *event = std::move(owned);
  return {};
}

}  // namespace shmwire::platform
