#include "addon/endpoint_class.h"

#include <algorithm>
#include <iterator>
#include <new>

#include "addon/arguments.h"
#include "addon/inbox_class.h"
#include "core/ring_layout.h"

namespace shmwire::addon {
namespace {

// As src/options.ts; below 2^31, so that offsets are small integers to V8.
constexpr uint64_t kMessageBytesMax = uint64_t{1} << 30;
constexpr uint64_t kRecordsMax = 1 << 16;
constexpr uint32_t kKindMax = 0xFFFF;
// Beyond a second it would be a hang, not a spin.
constexpr double kSpinNanosMax = 1e9;
// 2^62 ns are 146 years.
constexpr double kWaitNanosMax = 4611686018427387904.0;
constexpr uint64_t kDescriptorMax = 0x7FFF'FFFF;
// Offsets in descriptors have 32 bits.
constexpr uint64_t kTargetBytesMax = uint64_t{1} << 32;

// A typed array `name` of `count` elements over a fresh SharedArrayBuffer, as a constant property.
// A plain ArrayBuffer could be detached, and our pointer would dangle. Null, and an exception, on
// failure.
void* DefineSharedArray(napi_env env, napi_value receiver, const char* name, const char* class_name,
                        napi_typedarray_type type, uint32_t count, size_t element_bytes) {
  napi_value global;
  napi_value buffer_class;
  napi_value array_class;
  napi_value bytes;
  napi_value buffer;
  napi_value array;
  if (napi_get_global(env, &global) != napi_ok ||
      napi_get_named_property(env, global, "SharedArrayBuffer", &buffer_class) != napi_ok ||
      napi_get_named_property(env, global, class_name, &array_class) != napi_ok ||
      napi_create_double(env, static_cast<double>(count * element_bytes), &bytes) != napi_ok ||
      napi_new_instance(env, buffer_class, 1, &bytes, &buffer) != napi_ok ||
      napi_new_instance(env, array_class, 1, &buffer, &array) != napi_ok) {
    return nullptr;
  }
  napi_typedarray_type actual_type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  const napi_property_descriptor property = {name,    nullptr, nullptr,         nullptr,
                                             nullptr, array,   napi_enumerable, nullptr};
  if (napi_get_typedarray_info(env, array, &actual_type, &length, &data, nullptr, nullptr) !=
          napi_ok ||
      actual_type != type || length != count ||
      napi_define_properties(env, receiver, 1, &property) != napi_ok) {
    return nullptr;
  }
  return data;
}

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

napi_value OfferHandles(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 2> call(env, info);
  Path path;
  platform::Token token;
  if (call.self == nullptr || !ReadPath(env, call.arguments[0], "inboxPath", &path) ||
      !ReadToken(env, call.arguments[1], &token)) {
    return nullptr;
  }
  bool full = false;
  Status status = call.self->endpoint.OfferHandles(path.data(), token, &full);
  return ReturnBoolean(env, status, !full);
}

napi_value AcceptHandles(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 2> call(env, info);
  if (call.self == nullptr) return nullptr;
  auto* inbox = ReadWrapped<InboxObject>(env, call.arguments[0], "inbox must be a HandleInbox");
  platform::Token token;
  if (inbox == nullptr || !ReadToken(env, call.arguments[1], &token)) return nullptr;
  return ReturnNothing(env, call.self->endpoint.AcceptHandles(&inbox->inbox, token));
}

napi_value AttachPeer(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 0> call(env, info);
  return call.self == nullptr ? nullptr : ReturnNothing(env, call.self->endpoint.AttachOffered());
}

// Kind, id and results go through shared arrays, because each argument and each result of a call
// costs as much as writing a small record.
napi_value Write(napi_env env, napi_callback_info info) {
  const BoundCall<EndpointObject, 2> call(env, info);
  Bytes payload;
  uint64_t offset = 0;
  if (call.self == nullptr || !ReadBytes(env, call.arguments[0], "payload", &payload) ||
      (call.count > 1 &&
       !ReadInteger(env, call.arguments[1], "offset", 0, payload.count, &offset))) {
    return nullptr;
  }
  const uint32_t kind = call.self->record[kRecordKind];
  if (kind - 1 >= kKindMax) return ThrowArgument(env, "record[0], the kind, must be 1 to 65535");
  bool wrote = false;
  bool doorbell = false;
  Status status =
      call.self->endpoint.Write(static_cast<uint16_t>(kind), call.self->record[kRecordId],
                                payload.data, payload.count, &offset, &wrote, &doorbell);
  if (!status.ok()) return ThrowStatus(env, status);
  double* signals = call.self->signals;
  signals[kSignalRing] = doorbell ? 1 : 0;
  signals[kSignalWritten] = wrote ? static_cast<double>(offset) : -1;
  return nullptr;
}

napi_value HasRoom(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 1> call(env, info);
  uint64_t bytes = 0;
  if (call.self == nullptr ||
      !ReadInteger(env, call.arguments[0], "bytes", 0, kMessageBytesMax, &bytes)) {
    return nullptr;
  }
  bool has_room = false;
  Status status = call.self->endpoint.HasRoom(bytes, &has_room);
  return ReturnBoolean(env, status, has_room);
}

napi_value ArmForRoom(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 1> call(env, info);
  uint64_t bytes = 0;
  if (call.self == nullptr ||
      !ReadInteger(env, call.arguments[0], "bytes", 0, kMessageBytesMax, &bytes)) {
    return nullptr;
  }
  bool has_room = false;
  Status status = call.self->endpoint.ArmForRoom(bytes, &has_room);
  return ReturnBoolean(env, status, has_room);
}

napi_value DisarmForRoom(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 0> call(env, info);
  return call.self == nullptr ? nullptr : ReturnNothing(env, call.self->endpoint.DisarmForRoom());
}

napi_value Receive(napi_env env, napi_callback_info info) {
  const BoundCall<EndpointObject, 4> call(env, info);
  Bytes target;
  uint64_t offset = 0;
  double spin_nanos = 0;
  bool yield_cpu = false;
  if (call.self == nullptr || !ReadBytes(env, call.arguments[0], "target", &target) ||
      !ReadInteger(env, call.arguments[1], "offset", 0, target.count, &offset) ||
      !ReadNumber(env, call.arguments[2], "spinNanos", kSpinNanosMax, &spin_nanos) ||
      !ReadBoolean(env, call.arguments[3], "yieldCpu", &yield_cpu)) {
    return nullptr;
  }
  Batch batch = {.target = target.data,
                 .target_bytes = std::min(target.count, kTargetBytesMax),
                 .offset = offset,
                 .descriptors = call.self->descriptors,
                 .descriptors_max = call.self->descriptors_max};
  bool doorbell = false;
  Status status =
      call.self->endpoint.Receive(&batch, static_cast<uint64_t>(spin_nanos), yield_cpu, &doorbell);
  if (!status.ok()) return ThrowStatus(env, status);
  double* signals = call.self->signals;
  signals[kSignalRing] = doorbell ? 1 : 0;
  signals[kSignalRequired] = static_cast<double>(batch.required_bytes);
  signals[kSignalFragmented] = batch.fragmented ? 1 : 0;
  signals[kSignalOffset] = static_cast<double>(batch.offset);
  napi_value result = nullptr;
  napi_create_uint32(env, batch.count, &result);
  return result;
}

napi_value Assemble(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 1> call(env, info);
  Bytes target;
  if (call.self == nullptr || !ReadBytes(env, call.arguments[0], "target", &target)) return nullptr;
  AssembledMessage message;
  bool doorbell = false;
  Status status = call.self->endpoint.Assemble(target.data, target.count, &message, &doorbell);
  call.self->signals[kSignalRing] = doorbell ? 1 : 0;
  if (message.whole) {
    call.self->descriptors[0] = {.kind = message.kind,
                                 .id = message.id,
                                 .offset = 0,
                                 .length = static_cast<uint32_t>(target.count)};
  }
  if (!status.ok()) return ThrowStatus(env, status);
  napi_value result = nullptr;
  napi_create_double(env, static_cast<double>(message.received_bytes), &result);
  return result;
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

napi_value Wait(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 4> call(env, info);
  WaitFor wait;
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
  if (Status status = call.self->endpoint.Wait(wait, &outcome); !status.ok()) {
    return ThrowStatus(env, status);
  }
  napi_value result = nullptr;
  napi_create_uint32(env, static_cast<uint32_t>(outcome), &result);
  return result;
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
  napi_value result = nullptr;
  napi_create_double(env, static_cast<double>(bytes), &result);
  return result;
}

napi_value Close(napi_env env, napi_callback_info info) {
  const Call<EndpointObject, 0> call(env, info);
  if (call.self != nullptr) call.self->endpoint.Close();
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
                     DefineBoundMethod(env, receiver, "receive", Receive, object);
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
      Method("hasRoom", HasRoom),
      Method("armForRoom", ArmForRoom),
      Method("disarmForRoom", DisarmForRoom),
      Method("assemble", Assemble),
      Method("armForData", ArmForData),
      Method("disarmForData", DisarmForData),
      Method("wait", Wait),
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
