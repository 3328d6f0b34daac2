#include "addon/windows/doorbell_watch_class.h"

#include "addon/arguments.h"
#include "platform/windows/named_event.h"

namespace shmwire::addon {
namespace {

// More calls would add nothing to the queued one.
constexpr size_t kCallsMax = 1;

}  // namespace

Napi::Function DoorbellWatchObject::Define(Napi::Env env) {
  return Wrapped::Define(env, "DoorbellWatch", {Method<&DoorbellWatchObject::Close>("close")});
}

bool DoorbellWatchObject::Initialize(const Napi::CallbackInfo& info) {
  env_ = info.Env();
  uint64_t native = 0;
  if (!ReadInteger(env_, info[0], "doorbell", 0, kSafeIntegerMax, &native)) return false;
  if (!info[1].IsFunction()) {
    ThrowArgument(env_, "onWake must be a function");
    return false;
  }
  // The owner may close its handle first, which a wait must not see.
  HANDLE event = nullptr;
  if (DuplicateHandle(GetCurrentProcess(), reinterpret_cast<HANDLE>(native), GetCurrentProcess(),
                      &event, SYNCHRONIZE, FALSE, 0) == 0) {
    return CheckStatus(
        env_, Status::Error(StatusCode::kInvalidArgument, "not a doorbell", platform::LastError()));
  }
  event_ = platform::Own(event);
  if (napi_create_threadsafe_function(env_, info[1], nullptr,
                                      Napi::String::New(env_, "shmwire doorbell"), kCallsMax, 1,
                                      nullptr, nullptr, nullptr, nullptr, &wake_) != napi_ok) {
    return false;
  }
  napi_unref_threadsafe_function(env_, wake_);
  // Hooks run in reverse order: this one before the end of the function's queue.
  napi_add_env_cleanup_hook(env_, EndWithEnvironment, this);
  if (RegisterWaitForSingleObject(&wait_, event, Wake, this, INFINITE, WT_EXECUTEINWAITTHREAD) ==
      0) {
    Status failure =
        Status::Error(StatusCode::kOutOfMemory, "cannot watch a doorbell", platform::LastError());
    Stop();
    return CheckStatus(env_, failure);
  }
  return true;
}

void CALLBACK DoorbellWatchObject::Wake(void* self, BOOLEAN /*timed_out*/) {
  // A full queue holds a call that has not begun.
  napi_call_threadsafe_function(static_cast<DoorbellWatchObject*>(self)->wake_, nullptr,
                                napi_tsfn_nonblocking);
}

void DoorbellWatchObject::EndWithEnvironment(void* self) {
  static_cast<DoorbellWatchObject*>(self)->Stop();
}

void DoorbellWatchObject::Close(const Napi::CallbackInfo& /*info*/) { Stop(); }

void DoorbellWatchObject::Stop() {
  // Waits for a call of Wake that runs, which never waits for this thread.
  if (wait_ != nullptr) UnregisterWaitEx(wait_, INVALID_HANDLE_VALUE);
  wait_ = nullptr;
  if (wake_ != nullptr) {
    napi_remove_env_cleanup_hook(env_, EndWithEnvironment, this);
    napi_release_threadsafe_function(wake_, napi_tsfn_abort);
  }
  wake_ = nullptr;
  event_.Close();
}

}  // namespace shmwire::addon
