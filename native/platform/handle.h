#pragma once

#include <cstdint>
#include <utility>

namespace shmwire::platform {

// Owns one handle of the operating system: a file descriptor, a HANDLE. Closed when it goes out of
// scope.
class Handle {
 public:
  static constexpr intptr_t kNone = -1;

  Handle() = default;
  explicit Handle(intptr_t native) : native_(native) {}
  Handle(Handle&& other) noexcept : native_(std::exchange(other.native_, kNone)) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      Close();
      native_ = std::exchange(other.native_, kNone);
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
  // The caller owns it from now on.
  intptr_t Release() { return std::exchange(native_, kNone); }

 private:
  intptr_t native_ = kNone;
};

}  // namespace shmwire::platform
