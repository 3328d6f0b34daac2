#pragma once

#include <cstdint>

namespace shmwire {

// Classes of failure: one for each code of src/errors.ts that native code raises.
enum class StatusCode : uint8_t {
  kOk,
  kInvalidArgument,
  kNameInUse,
  kClosed,
  kPeerGone,
  kCorrupt,
  kVersion,
  kDenied,
  kMessageTooLarge,
  kOutOfMemory,
  kUnavailable,
};

// The result of a call that can fail: a code, the failed step, and the system's error number if the
// system was the cause. Two registers wide and trivially copyable, so that hot paths can return it.
class [[nodiscard]] Status {
 public:
  constexpr Status() = default;

  // `context` must be a literal: the status keeps its address.
  static constexpr Status Error(StatusCode code, const char* context, int32_t os_error = 0) {
    return {code, context, os_error};
  }

  [[nodiscard]] constexpr bool ok() const { return code_ == StatusCode::kOk; }
  [[nodiscard]] constexpr StatusCode code() const { return code_; }
  [[nodiscard]] constexpr const char* context() const { return context_; }
  // 0 if the system was not the cause.
  [[nodiscard]] constexpr int32_t os_error() const { return os_error_; }

 private:
  constexpr Status(StatusCode code, const char* context, int32_t os_error)
      : context_(context), os_error_(os_error), code_(code) {}

  const char* context_ = "";
  int32_t os_error_ = 0;
  StatusCode code_ = StatusCode::kOk;
};

static_assert(sizeof(Status) == 16);

}  // namespace shmwire
