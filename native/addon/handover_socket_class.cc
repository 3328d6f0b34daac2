#include "addon/handover_socket_class.h"

#include "addon/arguments.h"

namespace shmwire::addon {

Napi::Function HandoverSocketObject::Define(Napi::Env env) {
  return Wrapped::Define(env, "HandoverSocket",
                         {
                             Method<&HandoverSocketObject::Expect>("expect"),
                             Method<&HandoverSocketObject::Discard>("discard"),
                             Method<&HandoverSocketObject::Drain>("drain"),
                             Method<&HandoverSocketObject::Settle>("settle"),
                             Method<&HandoverSocketObject::Close>("close"),
                         });
}

bool HandoverSocketObject::Initialize(const Napi::CallbackInfo& info) {
  Path path;
  return ReadPath(info.Env(), info[0], "path", &path) &&
         CheckStatus(info.Env(), socket_.Bind(path.data()));
}

void HandoverSocketObject::Expect(const Napi::CallbackInfo& info) {
  platform::Token token;
  platform::Credentials sender;
  bool has_sender = false;
  if (!ReadToken(info.Env(), info[0], &token) || !ReadCredentials(info[1], &has_sender, &sender)) {
    return;
  }
  CheckStatus(info.Env(), socket_.Expect(token, has_sender ? &sender : nullptr));
}

void HandoverSocketObject::Discard(const Napi::CallbackInfo& info) {
  platform::Token token;
  if (ReadToken(info.Env(), info[0], &token)) socket_.Discard(token);
}

Napi::Value HandoverSocketObject::Drain(const Napi::CallbackInfo& info) {
  bool rested = false;
  if (!CheckStatus(info.Env(), socket_.Drain(&rested))) return {};
  return Napi::Boolean::New(info.Env(), !rested);
}

Napi::Value HandoverSocketObject::Settle(const Napi::CallbackInfo& info) {
  platform::Token token;
  bool settled = false;
  if (!ReadToken(info.Env(), info[0], &token) ||
      !CheckStatus(info.Env(), socket_.Settle(token, &settled))) {
    return {};
  }
  return Napi::Boolean::New(info.Env(), settled);
}

void HandoverSocketObject::Close(const Napi::CallbackInfo& /*info*/) { socket_.Close(); }

}  // namespace shmwire::addon
