#include "core/shared_mapping.h"

#include <memory>
#include <new>

namespace shmwire {

Status SharedMapping::Share(platform::Mapping mapping, SharedMapping* shared) {
  SharedMapping created;
  created.shared_ = new (std::nothrow) Shared{.mapping = std::move(mapping)};
  if (!created.valid()) {
    return Status::Error(StatusCode::kOutOfMemory, "no memory for the owners of a mapping");
  }
  *shared = std::move(created);
  return {};
}

void SharedMapping::AddOwner() {
  // Relaxed: the caller is an owner, so the count cannot reach zero meanwhile.
  if (shared_ != nullptr) shared_->owners.fetch_add(1, std::memory_order_relaxed);
}

void SharedMapping::RemoveOwner() {
  if (shared_ == nullptr) return;
  // Acquire and release: every use of the memory by another owner happens before the unmapping.
  if (shared_->owners.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const std::unique_ptr<Shared> last(shared_);
  // Relaxed: KeepAddresses happens before its caller's decrement, which the line above acquires.
  if (last->keeps_addresses.load(std::memory_order_relaxed)) last->mapping.Vacate();
}

void SharedMapping::KeepAddresses() {
  // Relaxed: the decrement that follows publishes it; see RemoveOwner.
  if (shared_ != nullptr) shared_->keeps_addresses.store(true, std::memory_order_relaxed);
}

}  // namespace shmwire
