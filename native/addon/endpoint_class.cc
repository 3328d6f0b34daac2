#include "addon/endpoint_class.h"

#include <algorithm>
#include <iterator>
#include <new>

#include "addon/arguments.h"
#include "addon/endpoint_opening.h"
#include "addon/shared_array.h"
#include "core/ring_layout.h"

namespace shmwire::addon {
namespace {

// As src/options.ts; below 2^31, so that offsets are small integers to V8.
constexpr uint64_t kMessageBytesMax = uint64_t{1} << 30;
constexpr uint64_t kRecordsMax = 1 << 16;
constexpr uint32_t kKindMax = 0xFFFF;
// 2^62 ns are 146 years.
constexpr double kWaitNanosMax = 4611686018427387904.0;
// A thread that is being terminated notices it when a blocking call returns to JavaScript.
constexpr uint64_t kInterruptNanos = 40'000'000;
// Offsets in descriptors have 32 bits.
constexpr uint64_t kTargetBytesMax = uint64_t{1} << 32;

bool DefineArrays(napi_env env, napi_value receiver, uint64_t records_max, EndpointObject* object) {
  object->descriptors_max = static_cast<uint32_t>(records_max);
  object->descriptors = static_cast<MessageDescriptor*>(
      DefineSharedArray(env, receiver, "descriptors", "Uint32Array", napi_uint32_array,
                        object->descriptors_max * kDescriptorWords, sizeof(uint32_t)));
  object->signals = static_cast<double*>(DefineSharedArray(
      env, receiver, "signals", "Float64Array", napi_float64_array, kSignalCount, sizeof(double)));
  object->record = static_cast<const uint32_t*>(DefineSharedArray(
      env, receiver, "record", "Uint32Array", napi_uint32_array, kRecordWords, sizeof(uint32_t)));
  return object->descriptors != nullptr && object->signals != nullptr && object->record != nullptr;
}

// Rings the peer where the core found that it sleeps. False: an exception is pending.
bool Ring(napi_env env, EndpointObject* object, bool doorbell) {
  if (!doorbell) return true;
  object->signals[kSignalRings] += 1;
  Status status = object->endpoint.RingBell();
  if (status.ok()) return true;
  ThrowStatus(env, status);
  return false;
}

bool ReadKind(napi_env env, const EndpointObject* object, uint16_t* kind) {
  const uint32_t value = object->record[kRecordKind];
  *kind = static_cast<uint16_t>(value);
  if (value - 1 < kKindMax) return true;
  ThrowArgument(env, "the kind in record must be 1 to 65535");
  return false;
}

// Kind, id and results go through shared arrays, because each argument and each result of a call
// costs as much as writing a small record.
napi_value Write(napi_env env, napi_callback_info info) {
  const BoundCall<EndpointObject, 2> call(env, info);
  Bytes payload;
  uint64_t offset = 0;
  uint16_t kind = 0;
  if (call.self == nullptr || !ReadKind(env, call.self, &kind) ||
      !ReadBytes(env, call.arguments[0], "payload", &payload) ||
      (call.count > 1 &&
       !ReadInteger(env, call.arguments[1], "offset", 0, payload.count, &offset))) {
    return nullptr;
  }
  bool wrote = false;
  bool doorbell = false;
  Status status = call.self->endpoint.Write(kind, call.self->record[kRecordId], payload.data,
                                            payload.count, &offset, &wrote, &doorbell);
  if (!status.ok()) return ThrowStatus(env, status);
  call.self->signals[kSignalWritten] = wrote ? static_cast<double>(offset) : -1;
  Ring(env, call.self, doorbell);
  return nullptr;
}

napi_value Claim(napi_env env, napi_callback_info info) {
  const BoundCall<EndpointObject, 1> call(env, info);
  uint64_t bytes = 0;
  if (call.self == nullptr ||
      !ReadInteger(env, call.arguments[0], "bytes", 0, kMessageBytesMax, &bytes)) {
    return nullptr;
  }
  int64_t offset = -1;
  Status status = call.self->endpoint.Claim(bytes, &offset);
  if (!status.ok()) return ThrowStatus(env, status);
  return ReturnNumber(env, static_cast<double>(offset));
}

napi_value Commit(napi_env env, napi_callback_info info) {
  const BoundCall<EndpointObject, 1> call(env, info);
  uint64_t bytes = 0;
  uint16_t kind = 0;
  if (call.self == nullptr || !ReadKind(env, call.self, &kind) ||
      !ReadInteger(env, call.arguments[0], "bytes", 0, kMessageBytesMax, &bytes)) {
    return nullptr;
  }
  bool doorbell = false;
  Status status = call.self->endpoint.Commit(kind, call.self->record[kRecordId], bytes, &doorbell);
  return Ring(env, call.self, doorbell) ? ReturnNothing(env, status) : nullptr;
}

napi_value Abort(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 0> call(env, info);
  return call.self == nullptr ? nullptr : ReturnNothing(env, call.self->endpoint.Abort());
}

// HasRoom or ArmForRoom.
template <Status (Endpoint::*kLook)(uint64_t, bool*)>
napi_value LookForRoom(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 1> call(env, info);
  uint64_t bytes = 0;
  if (call.self == nullptr ||
      !ReadInteger(env, call.arguments[0], "bytes", 0, kMessageBytesMax, &bytes)) {
    return nullptr;
  }
  bool has_room = false;
  Status status = (call.self->endpoint.*kLook)(bytes, &has_room);
  return ReturnBoolean(env, status, has_room);
}

napi_value DisarmForRoom(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 0> call(env, info);
  return call.self == nullptr ? nullptr : ReturnNothing(env, call.self->endpoint.DisarmForRoom());
}

napi_value ReceiveInto(napi_env env, EndpointObject* object, Bytes target, uint64_t offset,
                       Patience patience) {
  Batch batch = {.target = target.data,
                 .target_bytes = std::min(target.count, kTargetBytesMax),
                 .offset = offset,
                 .descriptors = object->descriptors,
                 .descriptors_max = object->descriptors_max};
  bool doorbell = false;
  Status status =
      object->endpoint.Receive(&batch, patience.spin_nanos, patience.yield_cpu, &doorbell);
  if (!status.ok()) return ThrowStatus(env, status);
  double* signals = object->signals;
  signals[kSignalRequired] = static_cast<double>(batch.required_bytes);
  signals[kSignalFragmented] = batch.fragmented ? 1 : 0;
  signals[kSignalCoreLost] = object->endpoint.core_lost() ? 1 : 0;
  signals[kSignalOffset] = static_cast<double>(batch.offset);
  if (!Ring(env, object, doorbell)) return nullptr;
  napi_value result = nullptr;
  napi_create_uint32(env, batch.count, &result);
  return result;
}

napi_value Receive(napi_env env, napi_callback_info info) {
  const BoundCall<EndpointObject, 4> call(env, info);
  Bytes target;
  uint64_t offset = 0;
  Patience patience;
  if (call.self == nullptr || !ReadBytes(env, call.arguments[0], "target", &target) ||
      !ReadInteger(env, call.arguments[1], "offset", 0, target.count, &offset) ||
      !ReadPatience(env, call.arguments[2], call.arguments[3], &patience)) {
    return nullptr;
  }
  // An empty target may have no address, which would mean in place.
  std::byte nowhere{};
  if (target.data == nullptr) target.data = &nowhere;
  return ReceiveInto(env, call.self, target, offset, patience);
}

napi_value ReceiveInPlace(napi_env env, napi_callback_info info) {
  const BoundCall<EndpointObject, 2> call(env, info);
  Patience patience;
  if (call.self == nullptr || !ReadPatience(env, call.arguments[0], call.arguments[1], &patience)) {
    return nullptr;
  }
  return ReceiveInto(env, call.self, Bytes(), 0, patience);
}

napi_value Release(napi_env env, napi_callback_info info) {
  const BoundCall<EndpointObject, 0> call(env, info);
  if (call.self == nullptr) return nullptr;
  bool doorbell = false;
  Status status = call.self->endpoint.Release(&doorbell);
  return Ring(env, call.self, doorbell) ? ReturnNothing(env, status) : nullptr;
}

napi_value Assemble(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 3> call(env, info);
  Bytes target;
  Patience patience;
  if (call.self == nullptr || !ReadBytes(env, call.arguments[0], "target", &target) ||
      !ReadPatience(env, call.arguments[1], call.arguments[2], &patience)) {
    return nullptr;
  }
  AssembledMessage message;
  bool doorbell = false;
  Endpoint& endpoint = call.self->endpoint;
  Status status = endpoint.Assemble(target.data, target.count, patience.spin_nanos,
                                    patience.yield_cpu, &message, &doorbell);
  call.self->signals[kSignalCoreLost] = endpoint.core_lost() ? 1 : 0;
  if (message.whole) {
    call.self->descriptors[0] = {.kind = message.kind,
                                 .id = message.id,
                                 .offset = 0,
                                 .length = static_cast<uint32_t>(target.count)};
  }
  if (!Ring(env, call.self, doorbell)) return nullptr;
  if (!status.ok()) return ThrowStatus(env, status);
  return ReturnNumber(env, static_cast<double>(message.received_bytes));
}

napi_value ArmForData(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 0> call(env, info);
  if (call.self == nullptr) return nullptr;
  bool has_data = false;
  Status status = call.self->endpoint.ArmForData(&has_data);
  return ReturnBoolean(env, status, has_data);
}

napi_value DisarmForData(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 0> call(env, info);
  return call.self == nullptr ? nullptr : ReturnNothing(env, call.self->endpoint.DisarmForData());
}

napi_value ReturnOutcome(napi_env env, Status status, WaitOutcome outcome) {
  if (!status.ok()) return ThrowStatus(env, status);
  return ReturnNumber(env, static_cast<double>(outcome));
}

napi_value Wait(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 4> call(env, info);
  WaitFor wait = {.interrupt_nanos = kInterruptNanos};
  uint64_t room_bytes = 0;
  double timeout_nanos = 0;
  uint64_t socket = 0;
  if (call.self == nullptr || !ReadBoolean(env, call.arguments[0], "forData", &wait.for_data) ||
      !ReadInteger(env, call.arguments[1], "roomBytes", 0, kMessageBytesMax, &room_bytes) ||
      !ReadNumber(env, call.arguments[2], "timeoutNanos", kWaitNanosMax, &timeout_nanos) ||
      !ReadInteger(env, call.arguments[3], "controlSocket", 0, kDescriptorMax, &socket)) {
    return nullptr;
  }
  if (room_bytes != 0) wait.room_length = room_bytes;
  wait.timeout_nanos = static_cast<uint64_t>(timeout_nanos);
  wait.control_socket = static_cast<intptr_t>(socket);
  WaitOutcome outcome = WaitOutcome::kTimeout;
  Status status = call.self->endpoint.Wait(wait, &outcome);
  return ReturnOutcome(env, status, outcome);
}

napi_value ContinueWait(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 0> call(env, info);
  if (call.self == nullptr) return nullptr;
  WaitOutcome outcome = WaitOutcome::kTimeout;
  Status status = call.self->endpoint.ContinueWait(&outcome);
  return ReturnOutcome(env, status, outcome);
}

napi_value Freeze(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 0> call(env, info);
  return call.self == nullptr ? nullptr : ReturnNothing(env, call.self->endpoint.Freeze());
}

napi_value DepthBytes(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 0> call(env, info);
  if (call.self == nullptr) return nullptr;
  uint64_t bytes = 0;
  if (Status status = call.self->endpoint.DepthBytes(&bytes); !status.ok()) {
    return ThrowStatus(env, status);
  }
  return ReturnNumber(env, static_cast<double>(bytes));
}

napi_value Close(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 0> call(env, info);
  if (call.self == nullptr) return nullptr;
  // Own memory keeps its bytes: a claim may be with a thread that fills it.
  call.self->peer_memory.Detach(env);
  call.self->Release(env);
  call.self->endpoint.Close();
  return nullptr;
}

napi_value Construct(napi_env env, napi_callback_info info) {
  napi_value receiver;
  napi_value options;
  uint64_t ring_bytes = 0;
  uint64_t message_bytes_max = 0;
  uint64_t records_max = 0;
  if (!ReadConstructorCall(env, info, &receiver, &options) ||
      !ReadIntegerOf(env, options, "ringBytes", kRingBytesMin, kRingBytesMax, &ring_bytes) ||
      !ReadIntegerOf(env, options, "maxMessageBytes", 1, kMessageBytesMax, &message_bytes_max) ||
      !ReadIntegerOf(env, options, "recordsMax", 1, kRecordsMax, &records_max)) {
    return nullptr;
  }
  auto* object = new (std::nothrow) EndpointObject();
  if (object == nullptr) {
    return ThrowStatus(env, Status::Error(StatusCode::kOutOfMemory, "no memory for an endpoint"));
  }
  if (Status status = object->endpoint.Create(ring_bytes, message_bytes_max); !status.ok()) {
    delete object;
    return ThrowStatus(env, status);
  }
  // Only an object that is whole gets wrapped; without the arrays its methods fail.
  if (!DefineArrays(env, receiver, records_max, object)) {
    delete object;
    return nullptr;
  }
  const bool whole = Wrap(env, receiver, object) != nullptr &&
                     DefineBoundMethod(env, receiver, "write", Write, object) &&
                     DefineBoundMethod(env, receiver, "claim", Claim, object) &&
                     DefineBoundMethod(env, receiver, "commit", Commit, object) &&
                     DefineBoundMethod(env, receiver, "receive", Receive, object) &&
                     DefineBoundMethod(env, receiver, "receiveInPlace", ReceiveInPlace, object) &&
                     DefineBoundMethod(env, receiver, "release", Release, object);
  return whole ? receiver : nullptr;
}

napi_property_descriptor Method(const char* name, napi_callback callback) {
  return {name, nullptr, callback, nullptr, nullptr, nullptr, napi_default_method, nullptr};
}

}  // namespace

napi_value DefineEndpointClass(napi_env env) {
  const napi_property_descriptor methods[] = {
      Method("offerHandles", OfferHandles),
      Method("acceptHandles", AcceptHandles),
      Method("attachPeer", AttachPeer),
      Method("lendBell", LendBell),
      Method("abort", Abort),
      Method("ownMemory", OwnMemory),
      Method("peerMemory", PeerMemory),
      Method("copyFromPeer", CopyFromPeer),
      Method("hasRoom", LookForRoom<&Endpoint::HasRoom>),
      Method("armForRoom", LookForRoom<&Endpoint::ArmForRoom>),
      Method("disarmForRoom", DisarmForRoom),
      Method("assemble", Assemble),
      Method("armForData", ArmForData),
      Method("disarmForData", DisarmForData),
      Method("wait", Wait),
      Method("continueWait", ContinueWait),
      Method("freeze", Freeze),
      Method("depthBytes", DepthBytes),
      Method("close", Close),
  };
  napi_value constructor = nullptr;
  napi_define_class(env, "Endpoint", NAPI_AUTO_LENGTH, Construct, nullptr, std::size(methods),
                    methods, &constructor);
  return constructor;
}

}  // namespace shmwire::addon
