#pragma once

#include <napi.h>

#include "addon/wrapped.h"
#include "platform/handle_inbox.h"

namespace shmwire::addon {

// NativeInbox of src/native/binding.ts.
class InboxObject : public Wrapped<InboxObject> {
 public:
  static constexpr napi_type_tag kTypeTag = {0x3f8e'52c7'90b1'4d26, 0x9a61'7e0d'c45b'f813};

  // The class. Empty, and an exception, on failure.
  static Napi::Function Define(Napi::Env env);

  using Wrapped::Wrapped;
  bool Initialize(const Napi::CallbackInfo& info);

  platform::HandleInbox* inbox() { return &inbox_; }

 private:
  void Expect(const Napi::CallbackInfo& info);
  void Discard(const Napi::CallbackInfo& info);
  Napi::Value Drain(const Napi::CallbackInfo& info);
  Napi::Value Settle(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  platform::HandleInbox inbox_;
};

}  // namespace shmwire::addon
