#pragma once

// A function with its own stack, which runs after a switch to it (makecontext(3)).

#include <ucontext.h>

#include <cstddef>
#include <functional>
#include <memory>

namespace shmwire::explore {

class Fiber {
 public:
  // The calling thread, so that fibers can switch back to it.
  Fiber() = default;
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Prepares another run of `body`, which must not return: it ends with a switch to another fiber.
  void Start(std::function<void()> body);
  // Suspends the running fiber `from` until a switch to it.
  void SwitchFrom(Fiber* from);

 private:
  static void Enter(unsigned high, unsigned low);
  void Entered();

  ucontext_t context_{};
  std::unique_ptr<std::byte[]> stack_;
  std::function<void()> body_;
  // The fiber that switched to this one; for AddressSanitizer.
  Fiber* previous_ = nullptr;
  void* fake_stack_ = nullptr;
  const void* bottom_ = nullptr;
  size_t stack_bytes_ = 0;
};

}  // namespace shmwire::explore
