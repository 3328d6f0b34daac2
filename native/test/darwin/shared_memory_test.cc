#include "platform/shared_memory.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/segment.h"
#include "core/segment_layout.h"
#include "platform/process.h"
#include "test/support.h"

TEST_SUITE_BEGIN("shared_memory_test");

namespace shmwire::platform {
namespace {

constexpr uint64_t kBytes = SegmentBytes(test::kRingBytes);

bool IsExpectedSize(uint64_t bytes) { return bytes == kBytes; }

int Native(const Handle& handle) { return static_cast<int>(handle.native()); }

struct Memory {
  Memory() {
    REQUIRE(FillRandom(&id, sizeof(id)).ok());
    REQUIRE(CreateSharedMemory(id, kBytes, kBytes, &handle, &mapping).ok());
  }
  MemoryId id{};
  Handle handle;
  Mapping mapping;
};

StatusCode MapCode(const Handle& handle) {
  Mapping mapping;
  return MapPeerMemory(handle, IsExpectedSize, kBytes, &mapping).code();
}

}  // namespace

TEST_CASE("shows the owner's writes through a descriptor that is only for reading") {
  const Memory memory;
  CHECK(SealSharedMemory(memory.handle).ok());
  CHECK((fcntl(Native(memory.handle), F_GETFL) & O_ACCMODE) == O_RDONLY);
  CHECK((fcntl(Native(memory.handle), F_GETFD) & FD_CLOEXEC) != 0);
  Mapping peer;
  REQUIRE(MapPeerMemory(memory.handle, IsExpectedSize, kBytes, &peer).ok());
  CHECK(peer.bytes() == kBytes);
  memory.mapping.data()[kBytes - 1] = std::byte{42};
  CHECK(peer.data()[kBytes - 1] == std::byte{42});
}

TEST_CASE("forbids every kind of write and of resizing through the descriptor") {
  const Memory memory;
  const int object = Native(memory.handle);
  CHECK(mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, object, 0) == MAP_FAILED);
  CHECK(write(object, "x", 1) == -1);
  CHECK(ftruncate(object, 0) == -1);
  CHECK(ftruncate(object, static_cast<off_t>(kBytes) * 2) == -1);
  Mapping peer;
  REQUIRE(MapPeerMemory(memory.handle, IsExpectedSize, kBytes, &peer).ok());
  CHECK(mprotect(peer.data(), kBytes, PROT_READ | PROT_WRITE) == -1);
  char path[32];
  std::snprintf(path, sizeof(path), "/dev/fd/%d", object);
  CHECK_FALSE(Handle(open(path, O_RDWR)).valid());
}

TEST_CASE("leaves no name, so that the same id can be used again") {
  const Memory memory;
  Handle handle;
  Mapping mapping;
  CHECK(CreateSharedMemory(memory.id, kBytes, kBytes, &handle, &mapping).ok());
}

TEST_CASE("rejects memory that is open for writing, of another size, or of another kind") {
  const Handle writable(shm_open("/shmwire-test", O_RDWR | O_CREAT | O_EXCL, 0600));
  REQUIRE(writable.valid());
  const Handle readable(shm_open("/shmwire-test", O_RDONLY));
  shm_unlink("/shmwire-test");
  CHECK(MapCode(readable) == StatusCode::kCorrupt);
  REQUIRE(ftruncate(Native(writable), static_cast<off_t>(kBytes)) == 0);
  CHECK(MapCode(writable) == StatusCode::kCorrupt);
  CHECK(SealSharedMemory(writable).code() == StatusCode::kUnavailable);
  CHECK(MapCode(readable) == StatusCode::kOk);

  const Memory memory;
  Mapping mapping;
  const auto is_double = [](uint64_t bytes) { return bytes == SegmentBytes(2 * test::kRingBytes); };
  CHECK(MapPeerMemory(memory.handle, is_double, kBytes, &mapping).code() == StatusCode::kCorrupt);

  const test::TemporaryPath path("file");
  const Handle file(open(path.c_str(), O_RDWR | O_CREAT, 0600));
  REQUIRE(ftruncate(Native(file), static_cast<off_t>(kBytes)) == 0);
  CHECK(MapCode(Handle(open(path.c_str(), O_RDONLY))) == StatusCode::kCorrupt);
  CHECK(MapCode(Handle(open("/dev/null", O_RDONLY))) == StatusCode::kCorrupt);
  CHECK(MapCode(Handle()) == StatusCode::kCorrupt);
}

}  // namespace shmwire::platform

TEST_SUITE_END();
