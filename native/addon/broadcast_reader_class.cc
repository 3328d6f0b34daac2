#include "addon/broadcast_reader_class.h"

#include <algorithm>

#include "addon/arguments.h"
#include "addon/broadcast_writer_class.h"
#include "addon/messaging_calls.h"
#include "addon/shared_array.h"

namespace shmwire::addon {
namespace {

constexpr uint64_t kRecordsMax = 1 << 16;
// Offsets in descriptors have 32 bits.
constexpr uint64_t kTargetBytesMax = uint64_t{1} << 32;

// The property `blocks` of the options, which are an object.
bool ReadBlocks(const Napi::CallbackInfo& info, bool* blocks) {
  Napi::Value value;
  return info[0].As<Napi::Object>().Get("blocks").UnwrapTo(&value) &&
         ReadBoolean(info.Env(), value, "blocks", blocks);
}

}  // namespace

Napi::Function BroadcastReaderObject::Define(Napi::Env env) {
  return Wrapped::Define(env, "BroadcastReader",
                         {
                             Method<&BroadcastReaderObject::Offer>("offer"),
                             Method<&BroadcastReaderObject::Attach>("attach"),
                             Method<&BroadcastReaderObject::AttachOwn>("attachOwn"),
                             Method<&BroadcastReaderObject::TransferDoorbell>("transferDoorbell"),
                             Method<&BroadcastReaderObject::Seek>("seek"),
                             Method<&BroadcastReaderObject::Stop>("stop"),
                             Method<&BroadcastReaderObject::Close>("close"),
                         });
}

bool BroadcastReaderObject::Initialize(const Napi::CallbackInfo& info) {
  const Napi::Object receiver = info.This().As<Napi::Object>();
  uint64_t records_max = 0;
  bool blocks = false;
  if (!ReadIntegerOf(info[0], "recordsMax", 1, kRecordsMax, &records_max) ||
      !ReadBlocks(info, &blocks)) {
    return false;
  }
  descriptors_max_ = static_cast<uint32_t>(records_max);
  descriptors_ = static_cast<BroadcastDescriptor*>(
      DefineSharedArray(receiver, "descriptors", "Uint32Array", napi_uint32_array,
                        descriptors_max_ * kBroadcastDescriptorWords, sizeof(uint32_t)));
  if (descriptors_ == nullptr) return false;
  results_ = DefineResults(receiver, kReaderResultCount);
  if (results_ == nullptr) return false;
  subscriber_.emplace(blocks);
  return DefineBoundMethod(receiver, "receive", Receive, this) &&
         DefineBoundMethod(receiver, "arm", Arm, this) &&
         DefineBoundMethod(receiver, "disarm", Disarm, this);
}

napi_value BroadcastReaderObject::Receive(napi_env env, napi_callback_info info) {
  const BoundCall<BroadcastReaderObject, 3> call(env, info);
  Bytes target;
  SpinOptions options;
  if (call.self == nullptr || !ReadBytes(env, call.arguments[0], "target", &target) ||
      !ReadSpinOptions(env, call.arguments[1], call.arguments[2], &options)) {
    return nullptr;
  }
  BroadcastBatch batch = {.target = target.data,
                          .target_bytes = std::min(target.count, kTargetBytesMax),
                          .descriptors = call.self->descriptors_,
                          .descriptors_max = call.self->descriptors_max_};
  BroadcastSubscriber::Received received;
  Status status = call.self->subscriber_->Receive(&batch, options, &received);
  if (!status.ok()) return ThrowStatus(env, status);
  double* results = call.self->results_;
  results[kReaderResultSequence] = static_cast<double>(batch.first_sequence);
  results[kReaderResultLost] = static_cast<double>(batch.lost);
  results[kReaderResultRequired] = static_cast<double>(batch.required_bytes);
  results[kReaderResultClosed] = received.closed ? 1 : 0;
  results[kReaderResultPreempted] = received.preempted ? 1 : 0;
  results[kReaderResultWriterWaits] = received.writer_waits ? 1 : 0;
  results[kReaderResultBehind] = batch.behind ? 1 : 0;
  return MakeNumber(env, batch.count);
}

napi_value BroadcastReaderObject::Arm(napi_env env, napi_callback_info info) {
  const BoundCall<BroadcastReaderObject, 0> call(env, info);
  if (call.self == nullptr) return nullptr;
  bool ready = false;
  Status status = call.self->subscriber_->Arm(&ready);
  return status.ok() ? MakeBoolean(env, ready) : ThrowStatus(env, status);
}

napi_value BroadcastReaderObject::Disarm(napi_env env, napi_callback_info info) {
  const BoundCall<BroadcastReaderObject, 0> call(env, info);
  if (call.self == nullptr) return nullptr;
  Status status = call.self->subscriber_->Disarm();
  return status.ok() ? nullptr : ThrowStatus(env, status);
}

Napi::Value BroadcastReaderObject::Offer(const Napi::CallbackInfo& info) {
  return OfferReader(info, subscriber_->attachment());
}

void BroadcastReaderObject::Attach(const Napi::CallbackInfo& info) {
  AttachReader(info, subscriber_->attachment());
}

Napi::Value BroadcastReaderObject::AttachOwn(const Napi::CallbackInfo& info) {
  auto* object = BroadcastWriterObject::Read(info[0], "writer must be a BroadcastWriter");
  if (object == nullptr) return {};
  uint32_t reader = 0;
  Status status = subscriber_->AttachOwn(object->publisher(), &reader);
  return NumberUnlessFailed(info.Env(), status, reader);
}

Napi::Value BroadcastReaderObject::TransferDoorbell(const Napi::CallbackInfo& info) {
  return TransferDoorbellOf(info, subscriber_->attachment());
}

Napi::Value BroadcastReaderObject::Seek(const Napi::CallbackInfo& info) {
  constexpr auto kStartMax = static_cast<uint64_t>(SeekStart::kSequence);
  uint64_t start = 0;
  uint64_t sequence = 0;
  if (!ReadInteger(info.Env(), info[0], "start", 0, kStartMax, &start) ||
      (start == kStartMax &&
       !ReadInteger(info.Env(), info[1], "sequence", 1, kBroadcastSequenceMax, &sequence))) {
    return {};
  }
  uint64_t next_sequence = 0;
  Status status = subscriber_->Seek(static_cast<SeekStart>(start), sequence, &next_sequence);
  return NumberUnlessFailed(info.Env(), status, static_cast<double>(next_sequence));
}

void BroadcastReaderObject::Stop(const Napi::CallbackInfo& info) {
  CheckStatus(info.Env(), subscriber_->Stop());
}

void BroadcastReaderObject::Close(const Napi::CallbackInfo& /*info*/) { subscriber_->Close(); }

}  // namespace shmwire::addon
