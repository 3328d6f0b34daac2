#include "addon/inbox_class.h"

#include "addon/arguments.h"

namespace shmwire::addon {

Napi::Function InboxObject::Define(Napi::Env env) {
  return Wrapped::Define(env, "HandleInbox",
                         {
                             Method<&InboxObject::Expect>("expect"),
                             Method<&InboxObject::Discard>("discard"),
                             Method<&InboxObject::Drain>("drain"),
                             Method<&InboxObject::Settle>("settle"),
                             Method<&InboxObject::Close>("close"),
                         });
}

bool InboxObject::Initialize(const Napi::CallbackInfo& info) {
  Path path;
  return ReadPath(info.Env(), info[0], "path", &path) &&
         CheckStatus(info.Env(), inbox_.Bind(path.data()));
}

void InboxObject::Expect(const Napi::CallbackInfo& info) {
  platform::Token token;
  platform::Credentials sender;
  bool has_sender = false;
  if (!ReadToken(info.Env(), info[0], &token) || !ReadCredentials(info[1], &has_sender, &sender)) {
    return;
  }
  CheckStatus(info.Env(), inbox_.Expect(token, has_sender ? &sender : nullptr));
}

void InboxObject::Discard(const Napi::CallbackInfo& info) {
  platform::Token token;
  if (ReadToken(info.Env(), info[0], &token)) inbox_.Discard(token);
}

Napi::Value InboxObject::Drain(const Napi::CallbackInfo& info) {
  bool rested = false;
  if (!CheckStatus(info.Env(), inbox_.Drain(&rested))) return {};
  return Napi::Boolean::New(info.Env(), !rested);
}

Napi::Value InboxObject::Settle(const Napi::CallbackInfo& info) {
  platform::Token token;
  bool settled = false;
  if (!ReadToken(info.Env(), info[0], &token) ||
      !CheckStatus(info.Env(), inbox_.Settle(token, &settled))) {
    return {};
  }
  return Napi::Boolean::New(info.Env(), settled);
}

void InboxObject::Close(const Napi::CallbackInfo& /*info*/) { inbox_.Close(); }

}  // namespace shmwire::addon
