#include "test/explore/fiber.h"

#include <cstdint>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace shmwire::explore {
namespace {

// The core has no deep calls, but a sanitizer multiplies the size of each frame.
constexpr size_t kStackBytes = size_t{256} * 1024;
constexpr unsigned kHalfBits = 32;

}  // namespace

void Fiber::Start(std::function<void()> body) {
  body_ = std::move(body);
  if (stack_ == nullptr) stack_ = std::make_unique<std::byte[]>(kStackBytes);
  bottom_ = stack_.get();
  stack_bytes_ = kStackBytes;
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_.get();
  context_.uc_stack.ss_size = kStackBytes;
  context_.uc_link = nullptr;
  // makecontext passes only ints.
  const auto self = reinterpret_cast<uintptr_t>(this);
  makecontext(&context_, reinterpret_cast<void (*)()>(&Fiber::Enter), 2,
              static_cast<unsigned>(self >> kHalfBits), static_cast<unsigned>(self));
}

void Fiber::Enter(unsigned high, unsigned low) {
  auto* self = reinterpret_cast<Fiber*>(uintptr_t{high} << kHalfBits | low);
  self->Entered();
  self->body_();
}

// AddressSanitizer must know the current stack (sanitizer/common_interface_defs.h).
void Fiber::Entered() {
#if defined(__SANITIZE_ADDRESS__)
  const void* bottom = nullptr;
  size_t bytes = 0;
  __sanitizer_finish_switch_fiber(fake_stack_, &bottom, &bytes);
  if (previous_->bottom_ == nullptr) {
    previous_->bottom_ = bottom;
    previous_->stack_bytes_ = bytes;
  }
#endif
}

void Fiber::SwitchFrom(Fiber* from) {
  previous_ = from;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&from->fake_stack_, bottom_, stack_bytes_);
#endif
  swapcontext(&from->context_, &context_);
  from->Entered();
}

}  // namespace shmwire::explore
