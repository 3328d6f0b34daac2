#pragma once

// A function with a stack of its own, which runs when it is switched to (makecontext(3)).

#include <ucontext.h>

#include <cstddef>
#include <functional>
#include <memory>

namespace shmwire::explore {

class Fiber {
 public:
  // The calling thread itself, so that fibers can switch back to it.
  Fiber() = default;
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Prepares another run of `body`, which must not return: it switches away for the last time.
  void Start(std::function<void()> body);
  // Leaves `from`, which is running, until somebody switches to it.
  void SwitchFrom(Fiber* from);

 private:
  static void Enter(unsigned high, unsigned low);
  void Entered();

  ucontext_t context_{};
  std::unique_ptr<std::byte[]> stack_;
  std::function<void()> body_;
  // Of the fiber that switched to this one; for AddressSanitizer.
  Fiber* previous_ = nullptr;
  void* fake_stack_ = nullptr;
  const void* bottom_ = nullptr;
  size_t stack_bytes_ = 0;
};

}  // namespace shmwire::explore
