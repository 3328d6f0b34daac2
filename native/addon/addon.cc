// The module: NativeBinding of src/native/binding.ts.

#include <napi.h>

#include <cstdint>

#include "addon/arguments.h"
#include "addon/constant.h"
#include "addon/doorbell_class.h"
#include "addon/endpoint_class.h"
#include "addon/handover_socket_class.h"
#include "addon/message_memory.h"
#include "addon/status_error.h"
#include "core/ring_layout.h"
#include "core/segment_layout.h"
#include "platform/process.h"
#include "platform/queued_handles.h"
#ifdef _WIN32
#include "addon/windows/exports.h"
#else
#include "addon/messaging_exports.h"
#endif

namespace shmwire::addon {
namespace {

constexpr Constant kConstants[] = {
    // The major version only: a minor version adds fields that a reader may ignore.
    {"LAYOUT_VERSION", kLayoutMajor},
    {"DESCRIPTOR_WORDS", kDescriptorWords},
    {"RESULT_WAKES", kResultWakes},
    {"RESULT_REQUIRED", kResultRequired},
    {"RESULT_FRAGMENTED", kResultFragmented},
    {"RESULT_OFFSET", kResultOffset},
    {"RESULT_WRITTEN", kResultWritten},
    {"RESULT_PREEMPTED", kResultPreempted},
    {"RECORD_KIND", kRecordKind},
    {"RECORD_ID", kRecordId},
    {"RECORD_HEADER_BYTES", kRecordHeaderBytes},
    {"WAIT_READY", static_cast<double>(WaitOutcome::kReady)},
    {"WAIT_TIMEOUT", static_cast<double>(WaitOutcome::kTimeout)},
    {"WAIT_CLOSED", static_cast<double>(WaitOutcome::kClosed)},
    {"WAIT_PEER_GONE", static_cast<double>(WaitOutcome::kPeerGone)},
    {"WAIT_INTERRUPTED", static_cast<double>(WaitOutcome::kInterrupted)},
};

Napi::Value ReadInlineBytesMax(const Napi::CallbackInfo& info) {
  uint64_t ring_bytes = 0;
  if (!ReadInteger(info.Env(), info[0], "ringBytes", kRingBytesMin, kRingBytesMax, &ring_bytes)) {
    return {};
  }
  if (!IsRingBytes(ring_bytes)) {
    ThrowArgument(info.Env(), "ringBytes must be a power of two");
    return {};
  }
  return Napi::Number::New(info.Env(), static_cast<double>(InlineBytesMax(ring_bytes)));
}

Napi::Value ReadPeerCredentials(const Napi::CallbackInfo& info) {
  uint64_t native = 0;
  platform::Credentials peer;
  if (!ReadInteger(info.Env(), info[0], "fd", 0, kDescriptorMax, &native) ||
      !CheckStatus(info.Env(), platform::PeerCredentials(static_cast<intptr_t>(native), &peer))) {
    return {};
  }
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("pid", static_cast<double>(peer.pid));
  result.Set("uid", static_cast<double>(peer.uid));
  result.Set("gid", static_cast<double>(peer.gid));
  return result;
}

void RefuseDescriptors(const Napi::CallbackInfo& info) {
  uint64_t native = 0;
  if (!ReadInteger(info.Env(), info[0], "fd", 0, kDescriptorMax, &native)) return;
  CheckStatus(info.Env(), platform::RefuseHandles(static_cast<intptr_t>(native)));
}

// A failure leaves an exception pending, or the environment is ending. There is nothing to undo.
Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  DefineConstants(exports, kConstants);
  exports.Set("inlineBytesMax", Napi::Function::New<ReadInlineBytesMax>(env, "inlineBytesMax"));
  exports.Set("peerCredentials", Napi::Function::New<ReadPeerCredentials>(env, "peerCredentials"));
  exports.Set("refuseDescriptors",
              Napi::Function::New<RefuseDescriptors>(env, "refuseDescriptors"));
  exports.Set("Endpoint", EndpointObject::Define(env));
  exports.Set("HandoverSocket", HandoverSocketObject::Define(env));
  exports.Set("Doorbell", DoorbellObject::Define(env));
  DefineMessageMemory(env, exports);
#ifdef _WIN32
  DefineWindowsExports(env, exports);
#else
  DefineMessagingExports(env, exports);
#endif
  return exports;
}

}  // namespace
}  // namespace shmwire::addon

NAPI_MODULE_INIT() { return Napi::RegisterModule(env, exports, shmwire::addon::Initialize); }
