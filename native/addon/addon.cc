// The module: NativeBinding of src/native/binding.ts.

#include <node_api.h>

#include <cstdint>

#include "addon/arguments.h"
#include "addon/bell_class.h"
#include "addon/endpoint_class.h"
#include "addon/inbox_class.h"
#include "addon/status_error.h"
#include "core/ring_layout.h"
#include "core/segment_layout.h"
#include "platform/process.h"
#include "platform/queued_handles.h"

namespace shmwire::addon {
namespace {

napi_value ReadInlineBytesMax(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  uint64_t ring_bytes = 0;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok ||
      !ReadInteger(env, argument, "ringBytes", kRingBytesMin, kRingBytesMax, &ring_bytes)) {
    return nullptr;
  }
  if (!IsRingBytes(ring_bytes)) return ThrowArgument(env, "ringBytes must be a power of two");
  napi_value result = nullptr;
  napi_create_double(env, static_cast<double>(InlineBytesMax(ring_bytes)), &result);
  return result;
}

bool SetNumber(napi_env env, napi_value object, const char* name, double number) {
  napi_value value;
  return napi_create_double(env, number, &value) == napi_ok &&
         napi_set_named_property(env, object, name, value) == napi_ok;
}

napi_value ReadPeerCredentials(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  uint64_t native = 0;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok ||
      !ReadInteger(env, argument, "fd", 0, kDescriptorMax, &native)) {
    return nullptr;
  }
  platform::Credentials peer;
  Status status = platform::PeerCredentials(static_cast<intptr_t>(native), &peer);
  if (!status.ok()) return ThrowStatus(env, status);
  napi_value result;
  if (napi_create_object(env, &result) != napi_ok || !SetNumber(env, result, "pid", peer.pid) ||
      !SetNumber(env, result, "uid", peer.uid) || !SetNumber(env, result, "gid", peer.gid)) {
    return nullptr;
  }
  return result;
}

napi_value RefuseDescriptors(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  uint64_t native = 0;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok ||
      !ReadInteger(env, argument, "fd", 0, kDescriptorMax, &native)) {
    return nullptr;
  }
  return ReturnNothing(env, platform::RefuseHandles(static_cast<intptr_t>(native)));
}

bool SetFunction(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function) ==
             napi_ok &&
         napi_set_named_property(env, exports, name, function) == napi_ok;
}

bool SetClass(napi_env env, napi_value exports, const char* name, napi_value constructor) {
  return constructor != nullptr &&
         napi_set_named_property(env, exports, name, constructor) == napi_ok;
}

// The major one: another means other bytes, a minor one only adds what may be ignored.
constexpr double kLayoutVersion = kLayoutMajor;

bool FillExports(napi_env env, napi_value exports) {
  return SetNumber(env, exports, "LAYOUT_VERSION", kLayoutVersion) &&
         SetNumber(env, exports, "DESCRIPTOR_WORDS", kDescriptorWords) &&
         SetNumber(env, exports, "SIGNAL_RINGS", kSignalRings) &&
         SetNumber(env, exports, "SIGNAL_REQUIRED", kSignalRequired) &&
         SetNumber(env, exports, "SIGNAL_FRAGMENTED", kSignalFragmented) &&
         SetNumber(env, exports, "SIGNAL_OFFSET", kSignalOffset) &&
         SetNumber(env, exports, "SIGNAL_WRITTEN", kSignalWritten) &&
         SetNumber(env, exports, "SIGNAL_CORE_LOST", kSignalCoreLost) &&
         SetNumber(env, exports, "RECORD_KIND", kRecordKind) &&
         SetNumber(env, exports, "RECORD_ID", kRecordId) &&
         SetNumber(env, exports, "RECORD_HEADER_BYTES", kRecordHeaderBytes) &&
         SetNumber(env, exports, "WAIT_READY", static_cast<double>(WaitOutcome::kReady)) &&
         SetNumber(env, exports, "WAIT_TIMEOUT", static_cast<double>(WaitOutcome::kTimeout)) &&
         SetNumber(env, exports, "WAIT_CLOSED", static_cast<double>(WaitOutcome::kClosed)) &&
         SetNumber(env, exports, "WAIT_PEER_GONE", static_cast<double>(WaitOutcome::kPeerGone)) &&
         SetNumber(env, exports, "WAIT_INTERRUPTED",
                   static_cast<double>(WaitOutcome::kInterrupted)) &&
         SetFunction(env, exports, "inlineBytesMax", ReadInlineBytesMax) &&
         SetFunction(env, exports, "peerCredentials", ReadPeerCredentials) &&
         SetFunction(env, exports, "refuseDescriptors", RefuseDescriptors) &&
         SetClass(env, exports, "Endpoint", DefineEndpointClass(env)) &&
         SetClass(env, exports, "HandleInbox", DefineInboxClass(env)) &&
         SetClass(env, exports, "Bell", DefineBellClass(env));
}

}  // namespace
}  // namespace shmwire::addon

NAPI_MODULE_INIT() {
  // What fails here leaves an exception pending, or an environment that ends; there is nothing to
  // undo.
  return shmwire::addon::FillExports(env, exports) ? exports : nullptr;
}
