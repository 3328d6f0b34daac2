#include "addon/inbox_class.h"

#include <iterator>
#include <new>

#include "addon/arguments.h"

namespace shmwire::addon {
namespace {

napi_value Construct(napi_env env, napi_callback_info info) {
  napi_value receiver;
  napi_value path_argument;
  Path path;
  if (!ReadConstructorCall(env, info, &receiver, &path_argument) ||
      !ReadPath(env, path_argument, "path", &path)) {
    return nullptr;
  }
  auto* object = new (std::nothrow) InboxObject();
  if (object == nullptr) {
    return ThrowStatus(env, Status::Error(StatusCode::kOutOfMemory, "no memory for an inbox"));
  }
  if (Status status = object->inbox.Bind(path.data()); !status.ok()) {
    delete object;
    return ThrowStatus(env, status);
  }
  return Wrap(env, receiver, object) != nullptr ? receiver : nullptr;
}

napi_value Expect(napi_env env, napi_callback_info info) {
  const Call<InboxObject, 2> call(env, info);
  platform::Token token;
  platform::Credentials sender;
  bool has_sender = false;
  if (call.self == nullptr || !ReadToken(env, call.arguments[0], &token) ||
      !ReadCredentials(env, call.arguments[1], &has_sender, &sender)) {
    return nullptr;
  }
  return ReturnNothing(env, call.self->inbox.Expect(token, has_sender ? &sender : nullptr));
}

napi_value Discard(napi_env env, napi_callback_info info) {
  const Call<InboxObject, 1> call(env, info);
  platform::Token token;
  if (call.self == nullptr || !ReadToken(env, call.arguments[0], &token)) return nullptr;
  call.self->inbox.Discard(token);
  return nullptr;
}

napi_value Drain(napi_env env, napi_callback_info info) {
  const Call<InboxObject, 0> call(env, info);
  if (call.self == nullptr) return nullptr;
  bool rested = false;
  Status status = call.self->inbox.Drain(&rested);
  return ReturnBoolean(env, status, !rested);
}

napi_value Settle(napi_env env, napi_callback_info info) {
  const Call<InboxObject, 1> call(env, info);
  platform::Token token;
  if (call.self == nullptr || !ReadToken(env, call.arguments[0], &token)) return nullptr;
  bool settled = false;
  Status status = call.self->inbox.Settle(token, &settled);
  return ReturnBoolean(env, status, settled);
}

napi_value Close(napi_env env, napi_callback_info info) {
  const Call<InboxObject, 0> call(env, info);
  if (call.self != nullptr) call.self->inbox.Close();
  return nullptr;
}

napi_property_descriptor Method(const char* name, napi_callback callback) {
  return {name, nullptr, callback, nullptr, nullptr, nullptr, napi_default_method, nullptr};
}

}  // namespace

napi_value DefineInboxClass(napi_env env) {
  const napi_property_descriptor methods[] = {
      Method("expect", Expect), Method("discard", Discard), Method("drain", Drain),
      Method("settle", Settle), Method("close", Close),
  };
  napi_value constructor = nullptr;
  napi_define_class(env, "HandleInbox", NAPI_AUTO_LENGTH, Construct, nullptr, std::size(methods),
                    methods, &constructor);
  return constructor;
}

}  // namespace shmwire::addon
