#include "platform/windows/own_user.h"

#include "platform/handle.h"

namespace shmwire::platform {
namespace {

bool ReadToken(HANDLE process, TOKEN_INFORMATION_CLASS what, void* buffer, DWORD bytes) {
  HANDLE opened = nullptr;
  if (OpenProcessToken(process, TOKEN_QUERY, &opened) == 0) return false;
  const Handle token = Own(opened);
  return GetTokenInformation(opened, what, buffer, bytes, &bytes) != 0;
}

bool ReadDefaultOwner(unsigned char* sid) {
  alignas(TOKEN_OWNER) unsigned char owner[sizeof(TOKEN_OWNER) + SECURITY_MAX_SID_SIZE];
  return ReadToken(GetCurrentProcess(), TokenOwner, owner, sizeof(owner)) &&
         CopySid(SECURITY_MAX_SID_SIZE, sid, reinterpret_cast<TOKEN_OWNER*>(owner)->Owner) != 0;
}

}  // namespace

OwnUserAccess::OwnUserAccess(DWORD access) : status_(Describe(access)) {}

Status OwnUserAccess::Describe(DWORD access) {
  alignas(SID) unsigned char owner_rights[SECURITY_MAX_SID_SIZE];
  DWORD bytes = sizeof(owner_rights);
  auto* const acl = reinterpret_cast<ACL*>(acl_);
  if (!ReadUser(GetCurrentProcess(), user_) ||
      CreateWellKnownSid(WinCreatorOwnerRightsSid, nullptr, owner_rights, &bytes) == 0 ||
      InitializeAcl(acl, sizeof(acl_), ACL_REVISION) == 0 ||
      AddAccessAllowedAce(acl, ACL_REVISION, access | READ_CONTROL, user_) == 0 ||
      AddAccessAllowedAce(acl, ACL_REVISION, READ_CONTROL, owner_rights) == 0 ||
      InitializeSecurityDescriptor(&descriptor_, SECURITY_DESCRIPTOR_REVISION) == 0 ||
      SetSecurityDescriptorOwner(&descriptor_, user_, FALSE) == 0 ||
      SetSecurityDescriptorDacl(&descriptor_, TRUE, acl, FALSE) == 0) {
    return Status::Error(StatusCode::kUnavailable, "cannot describe the access of this user",
                         LastError());
  }
  attributes_ = {sizeof(attributes_), &descriptor_, FALSE};
  return {};
}

bool ReadUser(HANDLE process, unsigned char* sid) {
  alignas(TOKEN_USER) unsigned char user[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
  return ReadToken(process, TokenUser, user, sizeof(user)) &&
         CopySid(SECURITY_MAX_SID_SIZE, sid, reinterpret_cast<TOKEN_USER*>(user)->User.Sid) != 0;
}

std::optional<bool> IsOwnedByThisUser(HANDLE object) {
  alignas(SID) unsigned char user[SECURITY_MAX_SID_SIZE];
  alignas(SID) unsigned char default_owner[SECURITY_MAX_SID_SIZE];
  PSID owner = nullptr;
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  if (!ReadUser(GetCurrentProcess(), user) || !ReadDefaultOwner(default_owner) ||
      GetSecurityInfo(object, SE_KERNEL_OBJECT, OWNER_SECURITY_INFORMATION, &owner, nullptr,
                      nullptr, nullptr, &descriptor) != ERROR_SUCCESS) {
    return false;
  }
  std::optional<bool> owned;
  if (owner != nullptr) {
    owned = EqualSid(owner, user) != 0 || EqualSid(owner, default_owner) != 0;
  }
  LocalFree(descriptor);
  return owned;
}

bool IsUnderWine() {
  const HMODULE system = GetModuleHandleW(L"ntdll.dll");
  return system != nullptr && GetProcAddress(system, "wine_get_version") != nullptr;
}

std::optional<bool> RunsAsThisUser(HANDLE process) {
  alignas(SID) unsigned char user[SECURITY_MAX_SID_SIZE];
  alignas(SID) unsigned char other[SECURITY_MAX_SID_SIZE];
  if (!ReadUser(GetCurrentProcess(), user) || !ReadUser(process, other)) return {};
  return EqualSid(user, other) != 0;
}

}  // namespace shmwire::platform
