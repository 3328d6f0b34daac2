#include "platform/wait_objects.h"

#include <optional>
#include <utility>

#include "platform/windows/named_event.h"
#include "platform/windows/own_user.h"
#include "platform/windows/start_time.h"
#include "platform/windows/windows_api.h"

namespace shmwire::platform {
namespace {

Status OpenPeer(const ProcessIdentity& peer, Handle* process) {
  const HANDLE opened =
      OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, peer.pid);
  if (opened == nullptr) {
    return Status::Error(StatusCode::kUnavailable, "cannot open the peer's process", LastError());
  }
  Handle owned = Own(opened);
  const uint64_t start_time = StartTime(opened);
  const std::optional<bool> is_own = RunsAsThisUser(opened);
  if (start_time == 0 || !is_own.has_value()) {
    return Status::Error(StatusCode::kUnavailable, "cannot identify the peer's process",
                         LastError());
  }
  // A number is reused; a number with a start time is not.
  if (start_time != peer.start_time || !*is_own) {
    return Status::Error(StatusCode::kCorrupt, "the peer's memory names another process");
  }
  *process = std::move(owned);
  return {};
}

}  // namespace

Status WaitObjects::Create(const MemoryId& own) {
  return CreateOwnEvent(ObjectName(own, ObjectKind::kSequence).text(), SYNCHRONIZE, &own_event_);
}

Status WaitObjects::Open(const MemoryId& peer, const ProcessIdentity& process) {
  if (Status status = OpenPeer(process, &peer_process_); !status.ok()) return status;
  return OpenPeerEvent(ObjectName(peer, ObjectKind::kSequence), SYNCHRONIZE, &peer_event_);
}

}  // namespace shmwire::platform
