#include "addon/messaging_calls.h"

#include "addon/arguments.h"
#include "addon/shared_array.h"
#include "addon/status_error.h"

namespace shmwire::addon {

Napi::Value OfferReader(const Napi::CallbackInfo& info, ReaderAttachment* reader) {
  Path path;
  platform::Token token;
  if (!ReadPath(info.Env(), info[0], "socketPath", &path) ||
      !ReadToken(info.Env(), info[1], &token)) {
    return {};
  }
  bool full = false;
  Status status = reader->Offer(path.data(), token, &full);
  return BooleanUnlessFailed(info.Env(), status, !full);
}

void AttachReader(const Napi::CallbackInfo& info, ReaderAttachment* reader) {
  bool has_server = false;
  platform::Credentials server;
  if (!ReadCredentials(info[0], &has_server, &server)) return;
  CheckStatus(info.Env(), reader->Attach(has_server ? &server : nullptr));
}

Napi::Value TransferDoorbellOf(const Napi::CallbackInfo& info, ReaderAttachment* reader) {
  return Napi::Number::New(info.Env(), static_cast<double>(reader->TransferDoorbell()));
}

bool ReadReaderIndex(const Napi::CallbackInfo& info, uint32_t* reader) {
  uint64_t index = 0;
  if (!ReadInteger(info.Env(), info[0], "reader", 0, AttachedReaders::kReadersMax - 1, &index)) {
    return false;
  }
  *reader = static_cast<uint32_t>(index);
  return true;
}

void ReportWakes(const WakeCounts& counts, double* results) {
  results[kWriterResultWakes] += counts.wakes;
  results[kWriterResultUnwoken] = counts.unwoken;
}

Napi::Value NumberUnlessFailed(Napi::Env env, Status status, double number) {
  if (!CheckStatus(env, status)) return {};
  return Napi::Number::New(env, number);
}

Napi::Value BooleanUnlessFailed(Napi::Env env, Status status, bool boolean) {
  if (!CheckStatus(env, status)) return {};
  return Napi::Boolean::New(env, boolean);
}

napi_value MakeNumber(napi_env env, double number) {
  napi_value result = nullptr;
  napi_create_double(env, number, &result);
  return result;
}

napi_value MakeBoolean(napi_env env, bool boolean) {
  napi_value result = nullptr;
  napi_get_boolean(env, boolean, &result);
  return result;
}

double* DefineResults(Napi::Object receiver, uint32_t count) {
  return static_cast<double*>(DefineSharedArray(receiver, "results", "Float64Array",
                                                napi_float64_array, count, sizeof(double)));
}

}  // namespace shmwire::addon
