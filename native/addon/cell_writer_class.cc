#include "addon/cell_writer_class.h"

#include "addon/arguments.h"
#include "addon/handover_socket_class.h"
#include "addon/messaging_calls.h"

namespace shmwire::addon {

Napi::Function CellWriterObject::Define(Napi::Env env) {
  return Wrapped::Define(env, "CellWriter",
                         {
                             Method<&CellWriterObject::Accept>("accept"),
                             Method<&CellWriterObject::Detach>("detach"),
                             Method<&CellWriterObject::Wake>("wake"),
                             Method<&CellWriterObject::Close>("close"),
                         });
}

bool CellWriterObject::Initialize(const Napi::CallbackInfo& info) {
  const Napi::Object receiver = info.This().As<Napi::Object>();
  uint64_t value_bytes_max = 0;
  if (!ReadIntegerOf(info[0], "maxValueBytes", 1, kCellValueBytesMax, &value_bytes_max)) {
    return false;
  }
  results_ = DefineResults(receiver, kWriterResultCount);
  if (results_ == nullptr) return false;
  results_[kWriterResultViolator] = -1;
  return CheckStatus(info.Env(), publisher_.Create(value_bytes_max)) &&
         DefineBoundMethod(receiver, "set", Set, this);
}

napi_value CellWriterObject::Set(napi_env env, napi_callback_info info) {
  const BoundCall<CellWriterObject, 1> call(env, info);
  Bytes value;
  if (call.self == nullptr || !ReadBytes(env, call.arguments[0], "value", &value)) return nullptr;
  uint64_t version = 0;
  WakeCounts counts;
  Status status = call.self->publisher_.Set(value.data, value.count, &version, &counts);
  if (!status.ok()) return ThrowStatus(env, status);
  ReportWakes(counts, call.self->results_);
  return MakeNumber(env, static_cast<double>(version));
}

Napi::Value CellWriterObject::Accept(const Napi::CallbackInfo& info) {
  auto* object = HandoverSocketObject::Read(info[0], "socket must be a HandoverSocket");
  platform::Token token;
  if (object == nullptr || !ReadToken(info.Env(), info[1], &token)) return {};
  uint32_t reader = 0;
  Status status = publisher_.Accept(object->socket(), token, &reader);
  return NumberUnlessFailed(info.Env(), status, reader);
}

void CellWriterObject::Detach(const Napi::CallbackInfo& info) {
  uint32_t reader = 0;
  if (ReadReaderIndex(info, &reader)) publisher_.Detach(reader);
}

void CellWriterObject::Wake(const Napi::CallbackInfo& info) {
  WakeCounts counts;
  if (CheckStatus(info.Env(), publisher_.Wake(&counts))) ReportWakes(counts, results_);
}

void CellWriterObject::Close(const Napi::CallbackInfo& /*info*/) { publisher_.Close(); }

}  // namespace shmwire::addon
