#pragma once

// Events that reset when they wake a thread. A wake-up before the wait is kept; several count as
// one.

#include "core/status.h"
#include "platform/handle.h"
#include "platform/windows/object_name.h"
#include "platform/windows/windows_api.h"

namespace shmwire::platform {

// `peer_access`: what a peer may open it for. `name` may be null. Errors: kOutOfMemory,
// kUnavailable (the name exists).
Status CreateOwnEvent(const wchar_t* name, DWORD peer_access, Handle* event);

// Errors: kCorrupt (another user owns it), kUnavailable (it does not exist in this session).
Status OpenPeerEvent(const ObjectName& name, DWORD access, Handle* event);

}  // namespace shmwire::platform
