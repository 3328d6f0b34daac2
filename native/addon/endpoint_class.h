#pragma once

#include <node_api.h>

#include <cstdint>

#include "addon/ring_memory.h"
#include "addon/wrapped.h"
#include "core/endpoint.h"

namespace shmwire::addon {

// Indices in NativeEndpoint.signals.
inline constexpr uint32_t kSignalRings = 0;
inline constexpr uint32_t kSignalRequired = 1;
inline constexpr uint32_t kSignalFragmented = 2;
inline constexpr uint32_t kSignalOffset = 3;
inline constexpr uint32_t kSignalWritten = 4;
inline constexpr uint32_t kSignalCoreLost = 5;
inline constexpr uint32_t kSignalCount = 6;

// Indices in NativeEndpoint.record.
inline constexpr uint32_t kRecordKind = 0;
inline constexpr uint32_t kRecordId = 1;
inline constexpr uint32_t kRecordWords = 2;

// NativeEndpoint of src/native/binding.ts.
struct EndpointObject : Wrapped {
  static constexpr WrappedKind kKind = WrappedKind::kEndpoint;
  static constexpr napi_type_tag kTypeTag = {0xb6d4'1f09'7c28'4e95, 0x82f5'03ab'6e9d'd147};

  EndpointObject() : Wrapped{kKind} {}

  void Release(napi_env env) {
    own_memory.Release(env);
    peer_memory.Release(env);
  }

  Endpoint endpoint;
  // Memory of the arrays `record`, `descriptors` and `signals`, which JavaScript can neither take
  // off the object nor detach: they are constant properties over shared buffers.
  const uint32_t* record = nullptr;
  MessageDescriptor* descriptors = nullptr;
  uint32_t descriptors_max = 0;
  double* signals = nullptr;
  // The two data areas as JavaScript sees them.
  RingMemory own_memory;
  RingMemory peer_memory;
};

// The class, or null and an exception.
napi_value DefineEndpointClass(napi_env env);

}  // namespace shmwire::addon
