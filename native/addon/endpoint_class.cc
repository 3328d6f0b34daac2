#include "addon/endpoint_class.h"

#include <cstring>

#include "addon/shared_array.h"
#include "core/ring_layout.h"

namespace shmwire::addon {
namespace {

constexpr uint64_t kRecordsMax = 1 << 16;
// 2^62 ns are 146 years.
constexpr double kWaitNanosMax = 4611686018427387904.0;
// A thread can be terminated only when a blocking call returns to JavaScript.
constexpr uint64_t kInterruptNanos = 40'000'000;

}  // namespace

Napi::Function EndpointObject::Define(Napi::Env env) {
  return Wrapped::Define(
      env, "Endpoint",
      {
          Method<&EndpointObject::OfferHandles>("offerHandles"),
          Method<&EndpointObject::AcceptHandles>("acceptHandles"),
          Method<&EndpointObject::AttachPeer>("attachPeer"),
          Method<&EndpointObject::TransferDoorbell>("transferDoorbell"),
          Method<&EndpointObject::Abort>("abort"),
          Method<&EndpointObject::OwnMemory>("ownMemory"),
          Method<&EndpointObject::PeerMemory>("peerMemory"),
          Method<&EndpointObject::CopyFromPeer>("copyFromPeer"),
          Method<&EndpointObject::CheckRoom<&Endpoint::HasRoom>>("hasRoom"),
          Method<&EndpointObject::CheckRoom<&Endpoint::ArmForRoom>>("armForRoom"),
          Method<&EndpointObject::DisarmForRoom>("disarmForRoom"),
          Method<&EndpointObject::Assemble>("assemble"),
          Method<&EndpointObject::ArmForData>("armForData"),
          Method<&EndpointObject::DisarmForData>("disarmForData"),
          Method<&EndpointObject::Wait>("wait"),
          Method<&EndpointObject::ContinueWait>("continueWait"),
          Method<&EndpointObject::WakeNanos<&Endpoint::Woken>>("woken"),
          Method<&EndpointObject::WakeNanos<&Endpoint::PeerWakeNanos>>("peerWakeNanos"),
          Method<&EndpointObject::Freeze>("freeze"),
          Method<&EndpointObject::InlineBytesMax>("inlineBytesMax"),
          Method<&EndpointObject::DepthBytes>("depthBytes"),
          Method<&EndpointObject::Close>("close"),
      });
}

bool EndpointObject::Initialize(const Napi::CallbackInfo& info) {
  const Napi::Object receiver = info.This().As<Napi::Object>();
  uint64_t ring_bytes = 0;
  uint64_t message_bytes_max = 0;
  uint64_t records_max = 0;
  return ReadIntegerOf(info[0], "ringBytes", kRingBytesMin, kRingBytesMax, &ring_bytes) &&
         ReadIntegerOf(info[0], "maxMessageBytes", 1, kMessageBytesMax, &message_bytes_max) &&
         ReadIntegerOf(info[0], "recordsMax", 1, kRecordsMax, &records_max) &&
         DefineArrays(receiver, static_cast<uint32_t>(records_max)) &&
         CreateSegment(info, ring_bytes, message_bytes_max) && DefineCalls(receiver);
}

bool EndpointObject::CreateSegment(const Napi::CallbackInfo& info, uint64_t ring_bytes,
                                   uint64_t message_bytes_max) {
  // Initialize has read other properties, so it is an object.
  Napi::Value value;
  if (!info[0].As<Napi::Object>().Get("memoryId").UnwrapTo(&value)) return false;
  if (value.IsUndefined()) {
    return CheckStatus(info.Env(), endpoint_.Create(ring_bytes, message_bytes_max));
  }
  Bytes bytes;
  if (!ReadBytes(info.Env(), value, "memoryId", &bytes)) return false;
  platform::MemoryId id;
  if (bytes.count != sizeof(id)) {
    ThrowArgument(info.Env(), "memoryId must have 16 bytes");
    return false;
  }
  std::memcpy(id.data(), bytes.data, sizeof(id));
  return CheckStatus(info.Env(), endpoint_.Create(ring_bytes, message_bytes_max, &id));
}

bool EndpointObject::DefineArrays(Napi::Object receiver, uint32_t records_max) {
  descriptors_max_ = records_max;
  descriptors_ = static_cast<MessageDescriptor*>(
      DefineSharedArray(receiver, "descriptors", "Uint32Array", napi_uint32_array,
                        records_max * kDescriptorWords, sizeof(uint32_t)));
  if (descriptors_ == nullptr) return false;
  results_ = static_cast<double*>(DefineSharedArray(
      receiver, "results", "Float64Array", napi_float64_array, kResultCount, sizeof(double)));
  if (results_ == nullptr) return false;
  record_ = static_cast<const uint32_t*>(DefineSharedArray(
      receiver, "record", "Uint32Array", napi_uint32_array, kRecordWords, sizeof(uint32_t)));
  return record_ != nullptr;
}

void EndpointObject::Abort(const Napi::CallbackInfo& info) {
  CheckStatus(info.Env(), endpoint_.Abort());
}

template <Status (Endpoint::*kCheck)(uint64_t, bool*)>
Napi::Value EndpointObject::CheckRoom(const Napi::CallbackInfo& info) {
  uint64_t bytes = 0;
  if (!ReadInteger(info.Env(), info[0], "bytes", 0, kMessageBytesMax, &bytes)) return {};
  bool has_room = false;
  if (!CheckStatus(info.Env(), (endpoint_.*kCheck)(bytes, &has_room))) return {};
  return Napi::Boolean::New(info.Env(), has_room);
}

void EndpointObject::DisarmForRoom(const Napi::CallbackInfo& info) {
  CheckStatus(info.Env(), endpoint_.DisarmForRoom());
}

Napi::Value EndpointObject::Assemble(const Napi::CallbackInfo& info) {
  Bytes target;
  SpinOptions options;
  if (!ReadBytes(info.Env(), info[0], "target", &target) ||
      !ReadSpinOptions(info.Env(), info[1], info[2], &options)) {
    return {};
  }
  AssembledMessage message;
  bool needs_wake = false;
  Status status = endpoint_.Assemble(target.data, target.count, options, &message, &needs_wake);
  results_[kResultPreempted] = endpoint_.preempted() ? 1 : 0;
  if (message.whole) {
    descriptors_[0] = {.kind = message.kind,
                       .id = message.id,
                       .offset = 0,
                       .length = static_cast<uint32_t>(target.count)};
  }
  if (!WakePeer(info.Env(), needs_wake) || !CheckStatus(info.Env(), status)) return {};
  return Napi::Number::New(info.Env(), static_cast<double>(message.received_bytes));
}

Napi::Value EndpointObject::ArmForData(const Napi::CallbackInfo& info) {
  bool has_data = false;
  if (!CheckStatus(info.Env(), endpoint_.ArmForData(&has_data))) return {};
  return Napi::Boolean::New(info.Env(), has_data);
}

void EndpointObject::DisarmForData(const Napi::CallbackInfo& info) {
  CheckStatus(info.Env(), endpoint_.DisarmForData());
}

Napi::Value EndpointObject::Wait(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  WaitFor wait = {.interrupt_nanos = kInterruptNanos};
  uint64_t room_bytes = 0;
  double timeout_nanos = 0;
  uint64_t socket = 0;
  if (!ReadBoolean(env, info[0], "forData", &wait.for_data) ||
      !ReadInteger(env, info[1], "roomBytes", 0, kMessageBytesMax, &room_bytes) ||
      !ReadNumber(env, info[2], "timeoutNanos", kWaitNanosMax, &timeout_nanos) ||
      !ReadInteger(env, info[3], "controlSocket", 0, kDescriptorMax, &socket)) {
    return {};
  }
  if (room_bytes != 0) wait.room_length = room_bytes;
  wait.timeout_nanos = static_cast<uint64_t>(timeout_nanos);
  wait.control_socket = static_cast<intptr_t>(socket);
  WaitOutcome outcome = WaitOutcome::kTimeout;
  if (!CheckStatus(env, endpoint_.Wait(wait, &outcome))) return {};
  return Napi::Number::New(env, static_cast<double>(outcome));
}

Napi::Value EndpointObject::ContinueWait(const Napi::CallbackInfo& info) {
  WaitOutcome outcome = WaitOutcome::kTimeout;
  if (!CheckStatus(info.Env(), endpoint_.ContinueWait(&outcome))) return {};
  return Napi::Number::New(info.Env(), static_cast<double>(outcome));
}

template <auto kCall>
Napi::Value EndpointObject::WakeNanos(const Napi::CallbackInfo& info) {
  double waited_nanos = 0;
  if (!ReadNumber(info.Env(), info[0], "waitedNanos", kWaitNanosMax, &waited_nanos)) return {};
  uint64_t wake_nanos = 0;
  Status status = (endpoint_.*kCall)(static_cast<uint64_t>(waited_nanos), &wake_nanos);
  if (!CheckStatus(info.Env(), status)) return {};
  return Napi::Number::New(info.Env(), static_cast<double>(wake_nanos));
}

void EndpointObject::Freeze(const Napi::CallbackInfo& info) {
  CheckStatus(info.Env(), endpoint_.Freeze());
}

Napi::Value EndpointObject::InlineBytesMax(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(endpoint_.InlineBytesMax()));
}

Napi::Value EndpointObject::DepthBytes(const Napi::CallbackInfo& info) {
  uint64_t bytes = 0;
  if (!CheckStatus(info.Env(), endpoint_.DepthBytes(&bytes))) return {};
  return Napi::Number::New(info.Env(), static_cast<double>(bytes));
}

void EndpointObject::Close(const Napi::CallbackInfo& /*info*/) {
  // Own memory keeps its bytes: another thread may be writing to a claim.
  peer_memory_.Detach();
  own_memory_.Forget();
  peer_memory_.Forget();
  endpoint_.Close();
}

}  // namespace shmwire::addon
