#pragma once

// The declarations of Windows, without their macro of a name that the core uses.

#include <windows.h>
// These need windows.h before them.
#include <aclapi.h>
#include <bcrypt.h>
#include <psapi.h>

#undef Yield

#include <cstdint>

#include "platform/handle.h"

namespace shmwire::platform {

inline HANDLE Native(const Handle& handle) { return reinterpret_cast<HANDLE>(handle.native()); }
// Takes the ownership.
// For functions that return null for a failure; INVALID_HANDLE_VALUE is Handle::kNone.
inline Handle Own(HANDLE native) {
  return native == nullptr ? Handle() : Handle(reinterpret_cast<intptr_t>(native));
}
inline int32_t LastError() { return static_cast<int32_t>(GetLastError()); }

}  // namespace shmwire::platform
