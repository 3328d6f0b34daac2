#include "addon/cell_reader_class.h"

#include "addon/arguments.h"
#include "addon/cell_writer_class.h"
#include "addon/messaging_calls.h"

namespace shmwire::addon {

Napi::Function CellReaderObject::Define(Napi::Env env) {
  return Wrapped::Define(env, "CellReader",
                         {
                             Method<&CellReaderObject::Offer>("offer"),
                             Method<&CellReaderObject::Attach>("attach"),
                             Method<&CellReaderObject::AttachOwn>("attachOwn"),
                             Method<&CellReaderObject::TransferDoorbell>("transferDoorbell"),
                             Method<&CellReaderObject::Close>("close"),
                         });
}

bool CellReaderObject::Initialize(const Napi::CallbackInfo& info) {
  const Napi::Object receiver = info.This().As<Napi::Object>();
  results_ = DefineResults(receiver, kReaderResultCount);
  if (results_ == nullptr) return false;
  results_[kReaderResultRequired] = -1;
  return DefineBoundMethod(receiver, "get", Get, this) &&
         DefineBoundMethod(receiver, "version", Version, this) &&
         DefineBoundMethod(receiver, "arm", Arm, this) &&
         DefineBoundMethod(receiver, "disarm", Disarm, this);
}

napi_value CellReaderObject::Get(napi_env env, napi_callback_info info) {
  const BoundCall<CellReaderObject, 1> call(env, info);
  Bytes target;
  if (call.self == nullptr || !ReadBytes(env, call.arguments[0], "target", &target)) return nullptr;
  CellValue value;
  bool closed = false;
  Status status = call.self->watcher_.Get(target.data, target.count, &value, &closed);
  if (!status.ok()) return ThrowStatus(env, status);
  double* results = call.self->results_;
  results[kReaderResultVersion] = static_cast<double>(value.version);
  results[kReaderResultClosed] = closed ? 1 : 0;
  results[kReaderResultBehind] = value.behind ? 1 : 0;
  return MakeNumber(env, value.behind ? -1 : static_cast<double>(value.length));
}

napi_value CellReaderObject::Version(napi_env env, napi_callback_info info) {
  const BoundCall<CellReaderObject, 0> call(env, info);
  if (call.self == nullptr) return nullptr;
  uint64_t version = 0;
  Status status = call.self->watcher_.LoadVersion(&version);
  return status.ok() ? MakeNumber(env, static_cast<double>(version)) : ThrowStatus(env, status);
}

napi_value CellReaderObject::Arm(napi_env env, napi_callback_info info) {
  const BoundCall<CellReaderObject, 0> call(env, info);
  if (call.self == nullptr) return nullptr;
  bool ready = false;
  Status status = call.self->watcher_.Arm(&ready);
  return status.ok() ? MakeBoolean(env, ready) : ThrowStatus(env, status);
}

napi_value CellReaderObject::Disarm(napi_env env, napi_callback_info info) {
  const BoundCall<CellReaderObject, 0> call(env, info);
  if (call.self == nullptr) return nullptr;
  Status status = call.self->watcher_.Disarm();
  return status.ok() ? nullptr : ThrowStatus(env, status);
}

Napi::Value CellReaderObject::Offer(const Napi::CallbackInfo& info) {
  return OfferReader(info, watcher_.attachment());
}

void CellReaderObject::Attach(const Napi::CallbackInfo& info) {
  AttachReader(info, watcher_.attachment());
}

Napi::Value CellReaderObject::AttachOwn(const Napi::CallbackInfo& info) {
  auto* object = CellWriterObject::Read(info[0], "writer must be a CellWriter");
  if (object == nullptr) return {};
  uint32_t reader = 0;
  Status status = watcher_.AttachOwn(object->publisher(), &reader);
  return NumberUnlessFailed(info.Env(), status, reader);
}

Napi::Value CellReaderObject::TransferDoorbell(const Napi::CallbackInfo& info) {
  return TransferDoorbellOf(info, watcher_.attachment());
}

void CellReaderObject::Close(const Napi::CallbackInfo& /*info*/) { watcher_.Close(); }

}  // namespace shmwire::addon
