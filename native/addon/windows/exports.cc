#include "addon/windows/exports.h"

#include "addon/arguments.h"
#include "addon/status_error.h"
#include "addon/windows/doorbell_watch_class.h"
#include "platform/process.h"
#include "platform/windows/named_event.h"
#include "platform/windows/own_user.h"
#include "platform/windows/windows_api.h"

namespace shmwire::addon {
namespace {

// An undefined result: all instances of the pipe are busy.
Napi::Value ReadPipeServer(const Napi::CallbackInfo& info) {
  Path path;
  if (!ReadPath(info.Env(), info[0], "path", &path)) return {};
  // Anonymous: a foreign server cannot act as this user.
  const HANDLE opened = CreateFileA(path.data(), GENERIC_READ, 0, nullptr, OPEN_EXISTING,
                                    SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS, nullptr);
  if (opened == INVALID_HANDLE_VALUE) {
    const int32_t error = platform::LastError();
    if (error == ERROR_PIPE_BUSY) return info.Env().Undefined();
    const bool denied = error == ERROR_ACCESS_DENIED;
    CheckStatus(
        info.Env(),
        Status::Error(denied ? StatusCode::kDenied : StatusCode::kPeerGone,
                      "cannot open the server's pipe a second time, to check its owner", error));
    return {};
  }
  const platform::Handle pipe = platform::Own(opened);
  // The owner cannot be forged, and the id of a process can be one that has ended.
  if (!platform::IsOwnedByThisUser(opened).value_or(platform::IsUnderWine())) {
    CheckStatus(info.Env(),
                Status::Error(StatusCode::kDenied, "the server's pipe belongs to another user"));
    return {};
  }
  platform::Credentials server;
  if (!CheckStatus(info.Env(), platform::PeerCredentials(pipe.native(), &server))) return {};
  return Napi::Number::New(info.Env(), server.pid);
}

}  // namespace

void DefineWindowsExports(Napi::Env env, Napi::Object exports) {
  exports.Set("pipeServer", Napi::Function::New<ReadPipeServer>(env, "pipeServer"));
  exports.Set("DoorbellWatch", DoorbellWatchObject::Define(env));
}

}  // namespace shmwire::addon
