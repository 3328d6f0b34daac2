#pragma once

#include <napi.h>

#include <cstdint>

#include "addon/arguments.h"
#include "addon/ring_memory.h"
#include "addon/wrapped.h"
#include "core/endpoint.h"

namespace shmwire::addon {

// Indices in NativeEndpoint.results.
inline constexpr uint32_t kResultWakes = 0;
inline constexpr uint32_t kResultRequired = 1;
inline constexpr uint32_t kResultFragmented = 2;
inline constexpr uint32_t kResultOffset = 3;
inline constexpr uint32_t kResultWritten = 4;
inline constexpr uint32_t kResultPreempted = 5;
inline constexpr uint32_t kResultCount = 6;

// Indices in NativeEndpoint.record.
inline constexpr uint32_t kRecordKind = 0;
inline constexpr uint32_t kRecordId = 1;
inline constexpr uint32_t kRecordWords = 2;

// The bound of src/options.ts. Below 2^31, so that offsets are small integers in V8.
inline constexpr uint64_t kMessageBytesMax = uint64_t{1} << 30;

// NativeEndpoint of src/native/binding.ts.
class EndpointObject : public Wrapped<EndpointObject> {
 public:
  static constexpr napi_type_tag kTypeTag = {0xb6d4'1f09'7c28'4e95, 0x82f5'03ab'6e9d'd147};

  static Napi::Function Define(Napi::Env env);

  using Wrapped::Wrapped;
  bool Initialize(const Napi::CallbackInfo& info);

 private:
  // endpoint_opening.cc: the handover, and the memory of both rings.
  Napi::Value OfferHandles(const Napi::CallbackInfo& info);
  void AcceptHandles(const Napi::CallbackInfo& info);
  void AttachPeer(const Napi::CallbackInfo& info);
  Napi::Value TransferDoorbell(const Napi::CallbackInfo& info);
  Napi::Value OwnMemory(const Napi::CallbackInfo& info);
  Napi::Value PeerMemory(const Napi::CallbackInfo& info);
  void CopyFromPeer(const Napi::CallbackInfo& info);

  // endpoint_calls.cc: the calls for each message or each batch. They use plain Node-API, which
  // takes half the time of the library's methods; docs/decisions/0025.
  bool DefineCalls(Napi::Object receiver);
  static napi_value Write(napi_env env, napi_callback_info info);
  static napi_value WriteRecords(napi_env env, napi_callback_info info);
  static napi_value Claim(napi_env env, napi_callback_info info);
  static napi_value Commit(napi_env env, napi_callback_info info);
  static napi_value Receive(napi_env env, napi_callback_info info);
  static napi_value ReceiveInPlace(napi_env env, napi_callback_info info);
  static napi_value Release(napi_env env, napi_callback_info info);
  napi_value ReceiveInto(napi_env env, Bytes target, uint64_t offset, SpinOptions options);
  bool ReadKind(napi_env env, uint16_t* kind) const;
  // Wakes the peer's event loop if the core asks for it. False: an exception is pending.
  bool WakePeer(napi_env env, bool needs_wake);

  // endpoint_class.cc: all other calls.
  bool DefineArrays(Napi::Object receiver, uint32_t records_max);
  bool CreateSegment(const Napi::CallbackInfo& info, uint64_t ring_bytes,
                     uint64_t message_bytes_max);
  void Abort(const Napi::CallbackInfo& info);
  template <Status (Endpoint::*kCheck)(uint64_t, bool*)>
  Napi::Value CheckRoom(const Napi::CallbackInfo& info);
  void DisarmForRoom(const Napi::CallbackInfo& info);
  Napi::Value Assemble(const Napi::CallbackInfo& info);
  Napi::Value ArmForData(const Napi::CallbackInfo& info);
  void DisarmForData(const Napi::CallbackInfo& info);
  Napi::Value Wait(const Napi::CallbackInfo& info);
  Napi::Value ContinueWait(const Napi::CallbackInfo& info);
  // Endpoint::Woken or PeerWakeNanos.
  template <auto kCall>
  Napi::Value WakeNanos(const Napi::CallbackInfo& info);
  void Freeze(const Napi::CallbackInfo& info);
  Napi::Value InlineBytesMax(const Napi::CallbackInfo& info);
  Napi::Value DepthBytes(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  Endpoint endpoint_;
  // Memory of the arrays `record`, `descriptors` and `results`. JavaScript can neither remove nor
  // detach them: they are constant properties over shared buffers.
  const uint32_t* record_ = nullptr;
  MessageDescriptor* descriptors_ = nullptr;
  uint32_t descriptors_max_ = 0;
  double* results_ = nullptr;
  // Both data areas as buffers.
  RingMemory own_memory_;
  RingMemory peer_memory_;
};

}  // namespace shmwire::addon
