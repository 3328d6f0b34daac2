#include <algorithm>

#include "addon/endpoint_class.h"

namespace shmwire::addon {
namespace {

constexpr uint32_t kKindMax = 0xFFFF;
// Offsets in descriptors have 32 bits.
constexpr uint64_t kTargetBytesMax = uint64_t{1} << 32;

napi_value ReturnNothing(napi_env env, Status status) {
  return status.ok() ? nullptr : ThrowStatus(env, status);
}

}  // namespace

bool EndpointObject::DefineCalls(Napi::Object receiver) {
  return DefineBoundMethod(receiver, "write", Write, this) &&
         DefineBoundMethod(receiver, "writeRecords", WriteRecords, this) &&
         DefineBoundMethod(receiver, "claim", Claim, this) &&
         DefineBoundMethod(receiver, "commit", Commit, this) &&
         DefineBoundMethod(receiver, "receive", Receive, this) &&
         DefineBoundMethod(receiver, "receiveInPlace", ReceiveInPlace, this) &&
         DefineBoundMethod(receiver, "release", Release, this);
}

bool EndpointObject::WakePeer(napi_env env, bool needs_wake) {
  if (!needs_wake) return true;
  results_[kResultWakes] += 1;
  return CheckStatus(env, endpoint_.WakeThroughDoorbell());
}

inline bool EndpointObject::ReadKind(napi_env env, uint16_t* kind) const {
  const uint32_t value = record_[kRecordKind];
  *kind = static_cast<uint16_t>(value);
  if (value - 1 < kKindMax) return true;
  ThrowArgument(env, "the kind in record must be from 1 to 65535");
  return false;
}

// Kind, id and results pass through shared arrays, because each argument and each result of a call
// costs as much as writing a small record.
napi_value EndpointObject::Write(napi_env env, napi_callback_info info) {
  const BoundCall<EndpointObject, 2> call(env, info);
  Bytes payload;
  uint64_t offset = 0;
  uint16_t kind = 0;
  if (call.self == nullptr || !call.self->ReadKind(env, &kind) ||
      !ReadBytes(env, call.arguments[0], "payload", &payload) ||
      (call.count > 1 &&
       !ReadInteger(env, call.arguments[1], "offset", 0, payload.count, &offset))) {
    return nullptr;
  }
  bool wrote = false;
  bool needs_wake = false;
  Status status = call.self->endpoint_.Write(kind, call.self->record_[kRecordId], payload.data,
                                             payload.count, &offset, &wrote, &needs_wake);
  if (!status.ok()) return ThrowStatus(env, status);
  call.self->results_[kResultWritten] = wrote ? static_cast<double>(offset) : -1;
  call.self->WakePeer(env, needs_wake);
  return nullptr;
}

napi_value EndpointObject::WriteRecords(napi_env env, napi_callback_info info) {
  const BoundCall<EndpointObject, 2> call(env, info);
  Bytes records;
  uint64_t length = 0;
  if (call.self == nullptr || !ReadBytes(env, call.arguments[0], "records", &records) ||
      !ReadInteger(env, call.arguments[1], "length", 0, records.count, &length)) {
    return nullptr;
  }
  uint64_t taken = 0;
  bool needs_wake = false;
  Status status = call.self->endpoint_.WriteRecords(records.data, length, &taken, &needs_wake);
  call.self->results_[kResultWritten] = static_cast<double>(taken);
  return call.self->WakePeer(env, needs_wake) ? ReturnNothing(env, status) : nullptr;
}

napi_value EndpointObject::Claim(napi_env env, napi_callback_info info) {
  const BoundCall<EndpointObject, 1> call(env, info);
  uint64_t bytes = 0;
  if (call.self == nullptr ||
      !ReadInteger(env, call.arguments[0], "bytes", 0, kMessageBytesMax, &bytes)) {
    return nullptr;
  }
  int64_t offset = -1;
  bool needs_wake = false;
  Status status = call.self->endpoint_.Claim(bytes, &offset, &needs_wake);
  if (!status.ok()) return ThrowStatus(env, status);
  if (!call.self->WakePeer(env, needs_wake)) return nullptr;
  napi_value result = nullptr;
  napi_create_double(env, static_cast<double>(offset), &result);
  return result;
}

napi_value EndpointObject::Commit(napi_env env, napi_callback_info info) {
  const BoundCall<EndpointObject, 1> call(env, info);
  uint64_t bytes = 0;
  uint16_t kind = 0;
  if (call.self == nullptr || !call.self->ReadKind(env, &kind) ||
      !ReadInteger(env, call.arguments[0], "bytes", 0, kMessageBytesMax, &bytes)) {
    return nullptr;
  }
  bool needs_wake = false;
  Status status =
      call.self->endpoint_.Commit(kind, call.self->record_[kRecordId], bytes, &needs_wake);
  return call.self->WakePeer(env, needs_wake) ? ReturnNothing(env, status) : nullptr;
}

inline napi_value EndpointObject::ReceiveInto(napi_env env, Bytes target, uint64_t offset,
                                              SpinOptions options) {
  Batch batch = {.target = target.data,
                 .target_bytes = std::min(target.count, kTargetBytesMax),
                 .offset = offset,
                 .descriptors = descriptors_,
                 .descriptors_max = descriptors_max_};
  bool needs_wake = false;
  Status status = endpoint_.Receive(&batch, options, &needs_wake);
  if (!status.ok()) return ThrowStatus(env, status);
  results_[kResultRequired] = static_cast<double>(batch.required_bytes);
  results_[kResultFragmented] = batch.fragmented ? 1 : 0;
  results_[kResultPreempted] = endpoint_.preempted() ? 1 : 0;
  results_[kResultOffset] = static_cast<double>(batch.offset);
  if (!WakePeer(env, needs_wake)) return nullptr;
  napi_value result = nullptr;
  napi_create_uint32(env, batch.count, &result);
  return result;
}

napi_value EndpointObject::Receive(napi_env env, napi_callback_info info) {
  const BoundCall<EndpointObject, 4> call(env, info);
  Bytes target;
  uint64_t offset = 0;
  SpinOptions options;
  if (call.self == nullptr || !ReadBytes(env, call.arguments[0], "target", &target) ||
      !ReadInteger(env, call.arguments[1], "offset", 0, target.count, &offset) ||
      !ReadSpinOptions(env, call.arguments[2], call.arguments[3], &options)) {
    return nullptr;
  }
  // An empty target may have a null address, which would mean in place.
  std::byte nowhere{};
  if (target.data == nullptr) target.data = &nowhere;
  return call.self->ReceiveInto(env, target, offset, options);
}

napi_value EndpointObject::ReceiveInPlace(napi_env env, napi_callback_info info) {
  const BoundCall<EndpointObject, 2> call(env, info);
  SpinOptions options;
  if (call.self == nullptr ||
      !ReadSpinOptions(env, call.arguments[0], call.arguments[1], &options)) {
    return nullptr;
  }
  return call.self->ReceiveInto(env, Bytes(), 0, options);
}

napi_value EndpointObject::Release(napi_env env, napi_callback_info info) {
  const BoundCall<EndpointObject, 0> call(env, info);
  if (call.self == nullptr) return nullptr;
  bool needs_wake = false;
  Status status = call.self->endpoint_.Release(&needs_wake);
  return call.self->WakePeer(env, needs_wake) ? ReturnNothing(env, status) : nullptr;
}

}  // namespace shmwire::addon
