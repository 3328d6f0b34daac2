#include "addon/broadcast_writer_class.h"

#include "addon/arguments.h"
#include "addon/handover_socket_class.h"
#include "addon/messaging_calls.h"

namespace shmwire::addon {
namespace {

constexpr double kNoReader = -1;

double NumberOf(uint32_t reader) {
  return reader == ReaderHeads::kNoReader ? kNoReader : static_cast<double>(reader);
}

bool IsGiven(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  return napi_typeof(env, value, &type) != napi_ok || type != napi_undefined;
}

// The optional arguments `prefix` and `keyBytes`.
bool ReadPrefix(napi_env env, const napi_value* arguments, BroadcastMessage* message) {
  Bytes prefix;
  if (IsGiven(env, arguments[0]) && !ReadBytes(env, arguments[0], "prefix", &prefix)) return false;
  if (IsGiven(env, arguments[1]) &&
      !ReadInteger(env, arguments[1], "keyBytes", 0, prefix.count, &message->key_bytes)) {
    return false;
  }
  message->prefix = prefix.data;
  message->headers_bytes = prefix.count - message->key_bytes;
  return true;
}

}  // namespace

Napi::Function BroadcastWriterObject::Define(Napi::Env env) {
  return Wrapped::Define(env, "BroadcastWriter",
                         {
                             Method<&BroadcastWriterObject::Accept>("accept"),
                             Method<&BroadcastWriterObject::Detach>("detach"),
                             Method<&BroadcastWriterObject::Wake>("wake"),
                             Method<&BroadcastWriterObject::Slowest>("slowest"),
                             Method<&BroadcastWriterObject::ArmForRoom>("armForRoom"),
                             Method<&BroadcastWriterObject::DisarmForRoom>("disarmForRoom"),
                             Method<&BroadcastWriterObject::Close>("close"),
                         });
}

bool BroadcastWriterObject::Initialize(const Napi::CallbackInfo& info) {
  const Napi::Object receiver = info.This().As<Napi::Object>();
  uint64_t ring_bytes = 0;
  if (!ReadIntegerOf(info[0], "ringBytes", kRingBytesMin, kRingBytesMax, &ring_bytes)) return false;
  results_ = DefineResults(receiver, kWriterResultCount);
  if (results_ == nullptr) return false;
  results_[kWriterResultViolator] = kNoReader;
  return CheckStatus(info.Env(), publisher_.Create(ring_bytes)) &&
         DefineBoundMethod(receiver, "publish", Publish, this);
}

void BroadcastWriterObject::ReportViolator() {
  results_[kWriterResultViolator] = NumberOf(publisher_.violator());
}

napi_value BroadcastWriterObject::Publish(napi_env env, napi_callback_info info) {
  const BoundCall<BroadcastWriterObject, 3> call(env, info);
  Bytes body;
  BroadcastMessage message;
  if (call.self == nullptr || !ReadBytes(env, call.arguments[0], "payload", &body) ||
      !ReadPrefix(env, call.arguments + 1, &message)) {
    return nullptr;
  }
  message.body = body.data;
  message.body_bytes = body.count;
  uint64_t sequence = 0;
  WakeCounts counts;
  Status status = call.self->publisher_.Publish(message, &sequence, &counts);
  if (!status.ok()) return ThrowStatus(env, status);
  ReportWakes(counts, call.self->results_);
  call.self->ReportViolator();
  return MakeNumber(env, static_cast<double>(sequence));
}

Napi::Value BroadcastWriterObject::Accept(const Napi::CallbackInfo& info) {
  auto* object = HandoverSocketObject::Read(info[0], "socket must be a HandoverSocket");
  platform::Token token;
  bool blocks = false;
  if (object == nullptr || !ReadToken(info.Env(), info[1], &token) ||
      (IsGiven(info.Env(), info[2]) && !ReadBoolean(info.Env(), info[2], "blocks", &blocks))) {
    return {};
  }
  uint32_t reader = 0;
  Status status = publisher_.Accept(object->socket(), token, blocks, &reader);
  return NumberUnlessFailed(info.Env(), status, reader);
}

void BroadcastWriterObject::Detach(const Napi::CallbackInfo& info) {
  uint32_t reader = 0;
  if (ReadReaderIndex(info, &reader)) publisher_.Detach(reader);
}

void BroadcastWriterObject::Wake(const Napi::CallbackInfo& info) {
  WakeCounts counts;
  if (CheckStatus(info.Env(), publisher_.Wake(&counts))) ReportWakes(counts, results_);
}

Napi::Value BroadcastWriterObject::Slowest(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), NumberOf(publisher_.slowest()));
}

Napi::Value BroadcastWriterObject::ArmForRoom(const Napi::CallbackInfo& info) {
  bool has_room = false;
  Status status = publisher_.ArmForRoom(&has_room);
  ReportViolator();
  return BooleanUnlessFailed(info.Env(), status, has_room);
}

void BroadcastWriterObject::DisarmForRoom(const Napi::CallbackInfo& info) {
  CheckStatus(info.Env(), publisher_.DisarmForRoom());
}

void BroadcastWriterObject::Close(const Napi::CallbackInfo& /*info*/) { publisher_.Close(); }

}  // namespace shmwire::addon
