#pragma once

#include <cstdint>

namespace shmwire {

// What went wrong, one for one with the codes of src/errors.ts that native code can raise.
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

// The result of whatever can fail: a code, what was being done, and the system's error number where
// it was the cause. Trivially copyable and two registers wide, so that hot paths may return it.
class [[nodiscard]] Status {
 public:
  constexpr Status() = default;

  // `context` is kept by address: a literal.
  static constexpr Status Error(StatusCode code, const char* context, int32_t os_error = 0) {
    return {code, context, os_error};
  }

  [[nodiscard]] constexpr bool ok() const { return code_ == StatusCode::kOk; }
  [[nodiscard]] constexpr StatusCode code() const { return code_; }
  [[nodiscard]] constexpr const char* context() const { return context_; }
  // 0 when the system was not the cause.
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
