#pragma once

#include <cerrno>
#include <cstdint>

#include "core/status.h"

namespace shmwire::platform {

// The status for an error number of a call that creates, sizes or maps shared memory.
inline Status MemoryError(const char* context, int os_error) {
  switch (os_error) {
    case ENOSPC:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EDQUOT:
      return Status::Error(StatusCode::kOutOfMemory, context, os_error);
    default:
      return Status::Error(StatusCode::kUnavailable, context, os_error);
  }
}

}  // namespace shmwire::platform
