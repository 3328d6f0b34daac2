#pragma once

#include <cstdint>
#include <utility>

namespace shmwire::platform {

// Where a handle is closed.
enum class Closing : uint8_t {
  // In the thread that gives it up.
  kHere,
  // In a thread of its own, because the last close may wait for as long as a peer likes.
  kElsewhere,
  // The same for a socket that only this process has: its other end sees it closed at once.
  kOwnElsewhere,
};

// Owns one handle of the operating system: a file descriptor, a HANDLE. Closed when it goes out of
// scope.
class Handle {
 public:
  static constexpr intptr_t kNone = -1;

  Handle() = default;
  explicit Handle(intptr_t native, Closing closing = Closing::kHere)
      : native_(native), closing_(closing) {}
  Handle(Handle&& other) noexcept
      : native_(std::exchange(other.native_, kNone)), closing_(other.closing_) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      Close();
      native_ = std::exchange(other.native_, kNone);
      closing_ = other.closing_;
    }
    return *this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { Close(); }

  [[nodiscard]] bool valid() const { return native_ != kNone; }
  [[nodiscard]] intptr_t native() const { return native_; }
  // Idempotent.
  void Close();
  // For a caller that has checked that the last close does not wait.
  void CloseHere() { closing_ = Closing::kHere; }
  // The caller owns it from now on.
  intptr_t Release() { return std::exchange(native_, kNone); }

 private:
  intptr_t native_ = kNone;
  Closing closing_ = Closing::kHere;
};

}  // namespace shmwire::platform
