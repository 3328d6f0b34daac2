// The operators new and delete, for binaries that do not link a C++ library: systems with musl have
// none, and others have one of another version. The addon uses no other part of such a library.
// The linker does not export them (scripts/prebuild/exports.map), so they serve this binary only.

#include <cstddef>
#include <cstdlib>
#include <new>

const std::nothrow_t std::nothrow{};

namespace {

void* Allocate(std::size_t bytes) {
  // malloc may return nullptr for 0 bytes.
  return std::malloc(bytes == 0 ? 1 : bytes);
}

// There are no exceptions here.
void* AllocateOrAbort(std::size_t bytes) {
  void* memory = Allocate(bytes);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) { return AllocateOrAbort(bytes); }
void* operator new[](std::size_t bytes) { return AllocateOrAbort(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return Allocate(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return Allocate(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
