#pragma once

// Access of the user of this process, and of no other, to named objects.

#include <optional>

#include "core/status.h"
#include "platform/windows/windows_api.h"

namespace shmwire::platform {

// A security descriptor with this user as owner, which grants this user `access` and nothing more:
// the owner's implicit right to change the descriptor is removed too. The process that creates an
// object has all access through its own handle.
class OwnUserAccess {
 public:
  explicit OwnUserAccess(DWORD access);
  OwnUserAccess(const OwnUserAccess&) = delete;
  OwnUserAccess& operator=(const OwnUserAccess&) = delete;

  // Errors: kUnavailable.
  [[nodiscard]] Status status() const { return status_; }
  SECURITY_ATTRIBUTES* attributes() { return &attributes_; }

 private:
  Status Describe(DWORD access);

  static constexpr DWORD kAclBytes =
      sizeof(ACL) + 2 * (sizeof(ACCESS_ALLOWED_ACE) + SECURITY_MAX_SID_SIZE);

  alignas(SID) unsigned char user_[SECURITY_MAX_SID_SIZE];
  alignas(ACL) unsigned char acl_[kAclBytes];
  SECURITY_DESCRIPTOR descriptor_{};
  SECURITY_ATTRIBUTES attributes_{};
  Status status_;
};

// Copies the id of the user of a process to `sid`, which has SECURITY_MAX_SID_SIZE bytes.
bool ReadUser(HANDLE process, unsigned char* sid);

// Whether the object has the owner that the objects of this process have by default, or this user:
// by default, objects of an administrator can belong to the group. The handle needs READ_CONTROL.
// Nothing if the system reports no owner: wine does not, of a pipe.
std::optional<bool> IsOwnedByThisUser(HANDLE object);

// Whether this program runs under wine, which reports no owner of a pipe.
bool IsUnderWine();

// Whether the process runs as this user. Nothing if the system does not say, for example of a
// process with more rights. The handle needs PROCESS_QUERY_LIMITED_INFORMATION.
std::optional<bool> RunsAsThisUser(HANDLE process);

}  // namespace shmwire::platform
