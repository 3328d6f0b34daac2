#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>

#include "core/shared_access.h"

namespace shmwire {

// A word of shared memory: the only wrapper over std::atomic. Each method's name states the order.
//
// There is no read-modify-write. Only one process writes each word (the segment's owner), and the
// peer's mapping is read-only, where even a failing exchange would fault.
//
// Sequentially consistent accesses rather than fences: ThreadSanitizer does not model fences, and
// the accesses cost no more on x86 and arm64. The exceptions are payloads that are read while they
// may be overwritten: SharedAccess::ReleaseFence and AcquireFence.
template <typename T>
class SharedWord {
 public:
  [[nodiscard]] T LoadRelaxed() const {
    return SharedAccess::Load<std::memory_order_relaxed>(value_);
  }
  [[nodiscard]] T LoadAcquire() const {
    return SharedAccess::Load<std::memory_order_acquire>(value_);
  }
  [[nodiscard]] T LoadSeqCst() const {
    return SharedAccess::Load<std::memory_order_seq_cst>(value_);
  }

  void StoreRelaxed(T value) { SharedAccess::Store<std::memory_order_relaxed>(&value_, value); }
  void StoreRelease(T value) { SharedAccess::Store<std::memory_order_release>(&value_, value); }
  void StoreSeqCst(T value) { SharedAccess::Store<std::memory_order_seq_cst>(&value_, value); }

  // For the owner's counters: with one writing thread, load and store need not be one step.
  void AddOwned(T amount) { StoreRelaxed(LoadRelaxed() + amount); }

  // For the operating system's wait on the address.
  [[nodiscard]] const T* address() const { return reinterpret_cast<const T*>(&value_); }

 private:
  static_assert(std::is_unsigned_v<T>, "fixed-width unsigned integers only");
  static_assert(std::atomic<T>::is_always_lock_free, "a lock would live in one process only");
  static_assert(sizeof(std::atomic<T>) == sizeof(T), "the wrapper must not show in the layout");

  std::atomic<T> value_;
};

}  // namespace shmwire
