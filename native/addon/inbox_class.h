#pragma once

#include <node_api.h>

#include "addon/wrapped.h"
#include "platform/handle_inbox.h"

namespace shmwire::addon {

// NativeInbox of src/native/binding.ts.
struct InboxObject : Wrapped {
  static constexpr WrappedKind kKind = WrappedKind::kHandleInbox;
  static constexpr napi_type_tag kTypeTag = {0x3f8e'52c7'90b1'4d26, 0x9a61'7e0d'c45b'f813};

  InboxObject() : Wrapped{kKind} {}

  void Release(napi_env /*env*/) {}

  platform::HandleInbox inbox;
};

// The class, or null and an exception.
napi_value DefineInboxClass(napi_env env);

}  // namespace shmwire::addon
