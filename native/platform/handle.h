#pragma once

#include <cstdint>
#include <utility>

namespace shmwire::platform {

// Which thread closes a handle.
enum class Closing : uint8_t {
  // The thread that releases it.
  kHere,
  // Another one, because the last close may block for as long as a peer likes.
  kElsewhere,
  // The same, for a socket that only this process has. Its other end sees the close at once.
  kOwnElsewhere,
};

// Owns a handle of the operating system: a file descriptor, a HANDLE. Its destructor closes it.
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
  // For a caller that knows that the last close does not block.
  void CloseHere() { closing_ = Closing::kHere; }
  // Passes the ownership to the caller.
  intptr_t Release() { return std::exchange(native_, kNone); }

 private:
  intptr_t native_ = kNone;
  Closing closing_ = Closing::kHere;
};

}  // namespace shmwire::platform
