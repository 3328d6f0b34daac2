#include "platform/windows/object_name.h"

#include <algorithm>
#include <cstring>

namespace shmwire::platform {

ObjectName::ObjectName(const MemoryId& id, ObjectKind kind) {
  constexpr wchar_t kPrefix[] = L"Local\\shmwire-";
  constexpr wchar_t kDigits[] = L"0123456789abcdef";
  unsigned char bytes[sizeof(id)];
  std::memcpy(bytes, id.data(), sizeof(bytes));
  static_assert(sizeof(kPrefix) / sizeof(wchar_t) + 2 * sizeof(bytes) + 2 <= 64);
  wchar_t* at = std::copy_n(kPrefix, sizeof(kPrefix) / sizeof(wchar_t) - 1, text_);
  for (const unsigned char byte : bytes) {
    *at++ = kDigits[byte >> 4];
    *at++ = kDigits[byte & 15];
  }
  *at++ = L'-';
  *at++ = static_cast<wchar_t>(kind);
  *at = L'\0';
}

}  // namespace shmwire::platform
