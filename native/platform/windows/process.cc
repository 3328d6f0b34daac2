#include "platform/process.h"

#include <optional>
#include <utility>

#include "platform/shortest_call.h"
#include "platform/windows/named_event.h"
#include "platform/windows/own_user.h"
#include "platform/windows/start_time.h"
#include "platform/windows/windows_api.h"

namespace shmwire::platform {
namespace {

constexpr uint64_t kNanosPerSecond = 1'000'000'000;
// CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, since Windows 10 1803.
constexpr DWORD kHighResolution = 0x2;

}  // namespace

uint32_t CurrentProcessId() { return GetCurrentProcessId(); }

// The relative part of the user's id: it differs between the users of one machine or one domain.
uint32_t CurrentUserId() {
  alignas(SID) unsigned char user[SECURITY_MAX_SID_SIZE];
  if (!ReadUser(GetCurrentProcess(), user)) return 0;
  return *GetSidSubAuthority(user, *GetSidSubAuthorityCount(user) - 1U);
}

uint64_t CurrentProcessStartTime() { return StartTime(GetCurrentProcess()); }

Status PeerCredentials(intptr_t native, Credentials* credentials) {
  const HANDLE pipe = reinterpret_cast<HANDLE>(native);
  DWORD flags = 0;
  ULONG pid = 0;
  if (GetNamedPipeInfo(pipe, &flags, nullptr, nullptr, nullptr) == 0 ||
      ((flags & PIPE_SERVER_END) != 0 ? GetNamedPipeClientProcessId(pipe, &pid)
                                      : GetNamedPipeServerProcessId(pipe, &pid)) == 0) {
    return Status::Error(StatusCode::kInvalidArgument, "the handle is not a connected named pipe",
                         LastError());
  }
  const Handle process = Own(OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid));
  const std::optional<bool> is_own =
      process.valid() ? RunsAsThisUser(Native(process)) : std::optional<bool>();
  if (!is_own.has_value()) {
    return Status::Error(StatusCode::kDenied, "cannot identify the user of the peer", LastError());
  }
  if (!*is_own) {
    return Status::Error(StatusCode::kDenied, "the peer runs as another user");
  }
  *credentials = {pid, CurrentUserId(), 0};
  return {};
}

// Node does not expose the handle of a pipe, so `native` is a process.
bool HasHungUp(intptr_t native) {
  return WaitForSingleObject(reinterpret_cast<HANDLE>(native), 0) == WAIT_OBJECT_0;
}

Status FillRandom(void* bytes, size_t count) {
  const NTSTATUS failure =
      BCryptGenRandom(nullptr, static_cast<PUCHAR>(bytes), static_cast<ULONG>(count),
                      BCRYPT_USE_SYSTEM_PREFERRED_RNG);
  if (failure == 0) return {};
  return Status::Error(StatusCode::kUnavailable, "cannot get random bytes (BCryptGenRandom)",
                       static_cast<int32_t>(failure));
}

void YieldCpu() { SwitchToThread(); }

uint64_t SystemCallNanos() {
  return ShortestCallNanos([] { static_cast<void>(WaitForSingleObject(GetCurrentProcess(), 0)); });
}

void Nap() {
  // Sleep(1) can take 16 ms.
  const HANDLE created =
      CreateWaitableTimerExW(nullptr, nullptr, kHighResolution, SYNCHRONIZE | TIMER_MODIFY_STATE);
  if (created == nullptr) {
    SwitchToThread();
    return;
  }
  const Handle timer = Own(created);
  LARGE_INTEGER shortly{};
  shortly.QuadPart = -1;  // relative, in units of 100 ns
  if (SetWaitableTimer(created, &shortly, 0, nullptr, nullptr, FALSE) != 0) {
    WaitForSingleObject(created, INFINITE);
  }
}

uint64_t MonotonicNanos() {
  LARGE_INTEGER frequency{};
  LARGE_INTEGER now{};
  // Neither fails since Windows XP.
  QueryPerformanceFrequency(&frequency);
  QueryPerformanceCounter(&now);
  const auto ticks = static_cast<uint64_t>(now.QuadPart);
  const auto per_second = static_cast<uint64_t>(frequency.QuadPart);
  // In two parts, because the product of all ticks would overflow.
  return ticks / per_second * kNanosPerSecond + ticks % per_second * kNanosPerSecond / per_second;
}

const char* OsErrorText(int32_t os_error, char* buffer, size_t buffer_bytes) {
  constexpr DWORD kFlags = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS;
  // In English, which is plain ASCII; otherwise in the language of the user.
  constexpr DWORD kLanguages[] = {MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US), 0};
  DWORD count = 0;
  for (const DWORD language : kLanguages) {
    if (count != 0) break;
    count = FormatMessageA(kFlags, nullptr, static_cast<DWORD>(os_error), language, buffer,
                           static_cast<DWORD>(buffer_bytes), nullptr);
  }
  while (count > 0 && (buffer[count - 1] == '\n' || buffer[count - 1] == '\r')) count--;
  if (count == 0) return "unknown error";
  buffer[count] = '\0';
  return buffer;
}

}  // namespace shmwire::platform
