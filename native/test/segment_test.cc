#include "core/segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <functional>

#include "test/child.h"
#include "test/support.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

TEST_SUITE_BEGIN("segment_test");

namespace shmwire {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;

int FileOf(const OwnSegment& segment) { return static_cast<int>(segment.handle().native()); }

// The pages of a forged segment that exist.
// kSmall: those of a ring of 64 KiB.
enum class Pages : uint8_t { kAll, kFirst, kSmall, kReserved, kReservedBeyondEnd, kAllButLast };

struct Forgery {
  uint64_t file_bytes = SegmentBytes(test::kRingBytes);
  Pages pages = Pages::kAll;
  int seals = kSeals;
  std::function<void(SegmentHeader*)> change = [](SegmentHeader*) {};
};

void MakePages(int file, off_t bytes, Pages pages) {
  if (bytes == 0 || pages == Pages::kFirst) return;
  if (pages == Pages::kReserved) {
    REQUIRE(fallocate(file, 0, 0, bytes) == 0);
  } else if (pages == Pages::kReservedBeyondEnd) {
    REQUIRE(fallocate(file, FALLOC_FL_KEEP_SIZE, bytes, bytes) == 0);
  } else {
    off_t filled = bytes;
    if (pages == Pages::kAllButLast) filled -= kLayoutPageBytes;
    if (pages == Pages::kSmall) filled = SegmentBytes(kSmallRingBytes);
    const test::Payload zeros(static_cast<size_t>(filled));
    REQUIRE(pwrite(file, zeros.data(), zeros.size(), 0) == filled);
  }
}

// Memory that a peer might create: valid except for `forgery`.
platform::Handle Forge(const Forgery& forgery) {
  const OwnSegment model = test::MakeSegment();
  SegmentHeader header;
  std::memcpy(&header, model.data() - kDataOffset, sizeof(header));
  forgery.change(&header);

  platform::Handle file(memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(file.valid());
  const int native = static_cast<int>(file.native());
  const auto bytes = static_cast<off_t>(forgery.file_bytes);
  REQUIRE(ftruncate(native, bytes) == 0);
  MakePages(native, bytes, forgery.pages);
  if (forgery.file_bytes >= sizeof(header)) {
    REQUIRE(pwrite(native, &header, sizeof(header), 0) == ssize_t{sizeof(header)});
  }
  if (forgery.seals != 0) REQUIRE(fcntl(native, F_ADD_SEALS, forgery.seals) == 0);
  return file;
}

StatusCode MapCode(const platform::Handle& handle) {
  PeerSegment peer;
  const Status status = PeerSegment::Map(handle, &peer);
  CHECK(peer.valid() == status.ok());
  return status.code();
}

StatusCode MapCode(const Forgery& forgery) { return MapCode(Forge(forgery)); }

StatusCode MapCodeWith(std::function<void(SegmentHeader*)> change) {
  return MapCode(Forgery{.change = std::move(change)});
}

}  // namespace

TEST_CASE("creates an own segment with the documented header and an empty control block") {
  const OwnSegment segment = test::MakeSegment(1 << 20);
  CHECK(segment.ring_bytes() == 1 << 20);
  SegmentHeader header;
  std::memcpy(&header, segment.data() - kDataOffset, sizeof(header));
  CHECK(header.magic == kSegmentMagic);
  CHECK(header.layout_major == 1);
  CHECK(header.segment_bytes == 8192 + (1 << 20));
  CHECK(header.capacity_log2 == 20);
  CHECK(header.control_offset == 4096);
  CHECK(header.data_offset == 8192);
  CHECK(header.owner_pid == static_cast<uint32_t>(getpid()));
  CHECK(header.owner_uid == getuid());
  CHECK(header.owner_start_time != 0);
  CHECK((header.id[0] | header.id[1]) != 0);
  CHECK(segment.control()->tail.LoadRelaxed() == 0);
  CHECK(segment.control()->state.LoadRelaxed() == static_cast<uint32_t>(SegmentState::kOpen));
}

TEST_CASE("rejects an own segment of a wrong size") {
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{65535}, uint64_t{65537}, uint64_t{1} << 31}) {
    OwnSegment segment;
    CHECK(OwnSegment::Create(bytes, &segment).code() == StatusCode::kInvalidArgument);
    CHECK_FALSE(segment.valid());
  }
}

TEST_CASE("seals an own segment with all of its pages") {
  const OwnSegment segment = test::MakeSegment();
  const int file = FileOf(segment);
  CHECK((fcntl(file, F_GET_SEALS) & kSeals) == kSeals);
  CHECK((fcntl(file, F_GETFD) & FD_CLOEXEC) != 0);
  struct stat file_stat {};
  REQUIRE(fstat(file, &file_stat) == 0);
  CHECK(static_cast<uint64_t>(file_stat.st_size) == SegmentBytes(test::kRingBytes));
  CHECK(lseek(file, 0, SEEK_HOLE) == file_stat.st_size);
  PeerSegment peer;
  CHECK(PeerSegment::Map(segment.handle(), &peer).ok());
}

TEST_CASE("creates the first 64 KiB of a longer ring, and the rest after the sealing") {
  const OwnSegment segment = test::MakeSegment(1 << 20);
  if (!segment.elastic()) {
    MESSAGE("skipped: this system cannot add pages");
    return;
  }
  const auto blocks = [&] {
    struct stat file_stat {};
    REQUIRE(fstat(FileOf(segment), &file_stat) == 0);
    return static_cast<uint64_t>(file_stat.st_blocks) * 512;
  };
  CHECK(blocks() == SegmentBytes(kSmallRingBytes));
  PeerSegment peer;
  REQUIRE(PeerSegment::Map(segment.handle(), &peer).ok());
  CHECK(peer.elastic());
  CHECK(peer.CheckPages().code() == StatusCode::kUnavailable);
  CHECK(blocks() == SegmentBytes(kSmallRingBytes));
  REQUIRE(segment.AddPages(kSmallRingBytes, 1 << 20).ok());
  CHECK(blocks() == SegmentBytes(1 << 20));
  CHECK(peer.CheckPages().ok());
  segment.data()[(1 << 20) - 1] = std::byte{42};
  CHECK(peer.data()[(1 << 20) - 1] == std::byte{42});
}

TEST_CASE("forbids every kind of write through the descriptor") {
  const OwnSegment segment = test::MakeSegment();
  const int file = FileOf(segment);
  const size_t bytes = SegmentBytes(test::kRingBytes);
  CHECK(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) == MAP_FAILED);
  CHECK(pwrite(file, "x", 1, 0) == -1);
  CHECK(ftruncate(file, 0) == -1);
  CHECK(ftruncate(file, static_cast<off_t>(bytes) * 2) == -1);
  CHECK(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == -1);
  CHECK(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE) == -1);
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
  const platform::Handle reopened(open(path, O_RDWR | O_CLOEXEC));
  if (reopened.valid()) {
    CHECK(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
               static_cast<int>(reopened.native()), 0) == MAP_FAILED);
  }
  void* view = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
  REQUIRE(view != MAP_FAILED);
  CHECK(mprotect(view, bytes, PROT_READ | PROT_WRITE) == -1);
  CHECK(madvise(view, bytes, MADV_REMOVE) == -1);
  munmap(view, bytes);
}

TEST_CASE("shows the peer all writes after the sealing") {
  OwnSegment own = test::MakeSegment(1 << 17);
  PeerSegment peer;
  REQUIRE(PeerSegment::Map(own.handle(), &peer).ok());
  own.CloseHandle();
  CHECK(peer.ring_bytes() == 1 << 17);
  own.control()->tail.StoreRelaxed(4711);
  own.data()[(1 << 17) - 1] = std::byte{42};
  CHECK(peer.control()->tail.LoadRelaxed() == 4711);
  CHECK(peer.data()[(1 << 17) - 1] == std::byte{42});
  own = OwnSegment();
  CHECK(peer.control()->tail.LoadRelaxed() == 4711);
}

TEST_CASE("accepts a forged segment without a fault") {
  CHECK(MapCode(Forgery{}) == StatusCode::kOk);
  CHECK(MapCodeWith([](SegmentHeader* header) { header->layout_minor = 9; }) == StatusCode::kOk);
  CHECK(MapCodeWith([](SegmentHeader* header) { header->features_optional = ~uint64_t{0}; }) ==
        StatusCode::kOk);
  CHECK(MapCodeWith([](SegmentHeader* header) { header->header_bytes = 4096; }) == StatusCode::kOk);
}

TEST_CASE("rejects memory without every seal") {
  CHECK(MapCode(Forgery{.seals = 0}) == StatusCode::kCorrupt);
  for (const int missing : {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_FUTURE_WRITE, F_SEAL_SEAL}) {
    CHECK(MapCode(Forgery{.seals = kSeals & ~missing}) == StatusCode::kCorrupt);
  }
  CHECK(MapCode(Forgery{.seals = (kSeals & ~F_SEAL_FUTURE_WRITE) | F_SEAL_WRITE}) ==
        StatusCode::kCorrupt);
  CHECK(MapCode(Forgery{.seals = kSeals | F_SEAL_WRITE}) == StatusCode::kCorrupt);
}

TEST_CASE("rejects memory of another size than its header states") {
  for (const uint64_t bytes :
       {uint64_t{0}, uint64_t{4096}, uint64_t{8192}, SegmentBytes(test::kRingBytes) - 4096,
        SegmentBytes(test::kRingBytes) + 4096, SegmentBytes(test::kRingBytes * 2)}) {
    CHECK(MapCode(Forgery{.file_bytes = bytes}) == StatusCode::kCorrupt);
  }
  CHECK(MapCode(Forgery{.file_bytes = SegmentBytes(kRingBytesMax) + 4096,
                        .pages = Pages::kFirst}) == StatusCode::kCorrupt);
}

TEST_CASE("rejects memory with holes") {
  CHECK(MapCode(Forgery{.pages = Pages::kFirst}) == StatusCode::kCorrupt);
  CHECK(MapCode(Forgery{.pages = Pages::kAllButLast}) == StatusCode::kCorrupt);
  // As many blocks as a valid segment has, but not as its pages.
  CHECK(MapCode(Forgery{.pages = Pages::kReserved}) == StatusCode::kUnavailable);
  CHECK(MapCode(Forgery{.pages = Pages::kReservedBeyondEnd}) == StatusCode::kUnavailable);
}

TEST_CASE("requires all pages of a long ring, and the first ones of an elastic ring") {
  const auto map_code = [](uint64_t features, Pages pages) {
    constexpr uint64_t kBytes = SegmentBytes(4 * test::kRingBytes);
    return MapCode(
        Forgery{.file_bytes = kBytes, .pages = pages, .change = [features](SegmentHeader* header) {
                  header->segment_bytes = kBytes;
                  header->capacity_log2 += 2;
                  header->features_required = features;
                }});
  };
  CHECK(map_code(0, Pages::kAll) == StatusCode::kOk);
  CHECK(map_code(0, Pages::kSmall) == StatusCode::kUnavailable);
  CHECK(map_code(0, Pages::kAllButLast) == StatusCode::kUnavailable);
  CHECK(map_code(kFeatureElastic, Pages::kAll) == StatusCode::kOk);
  CHECK(map_code(kFeatureElastic, Pages::kSmall) == StatusCode::kOk);
  CHECK(map_code(kFeatureElastic, Pages::kFirst) == StatusCode::kCorrupt);
  CHECK(map_code(kFeatureElastic, Pages::kReserved) == StatusCode::kUnavailable);
}

TEST_CASE("rejects memory of huge pages, whatever its size and seals") {
  constexpr off_t kHugePageBytes = off_t{2} << 20;
  for (const off_t bytes : {off_t{0}, kHugePageBytes}) {
    const platform::Handle file(
        memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB));
    if (!file.valid()) {
      MESSAGE("skipped: this kernel has no huge pages");
      return;
    }
    const int native = static_cast<int>(file.native());
    REQUIRE(ftruncate(native, bytes) == 0);
    REQUIRE(fcntl(native, F_ADD_SEALS, kSeals) == 0);
    CHECK(MapCode(file) == StatusCode::kCorrupt);
  }
}

TEST_CASE("maps another user's memory unless its mode hides the existing pages") {
  if (geteuid() != 0) {
    MESSAGE("skipped: only root can become another user");
    return;
  }
  for (const bool hidden : {false, true}) {
    const platform::Handle file = Forge(Forgery{});
    if (hidden) REQUIRE(fchmod(static_cast<int>(file.native()), 0) == 0);
    test::Child child([&] {
      if (setresuid(1000, 1000, 1000) != 0) return 2;
      PeerSegment peer;
      const Status status = PeerSegment::Map(file, &peer);
      return status.code() == (hidden ? StatusCode::kUnavailable : StatusCode::kOk) ? 0 : 1;
    });
    CHECK(child.Join() == 0);
  }
}

TEST_CASE("allocates no memory when all of a peer's memory is read") {
  const OwnSegment own = test::MakeSegment();
  PeerSegment peer;
  REQUIRE(PeerSegment::Map(own.handle(), &peer).ok());
  struct stat before {};
  struct stat after {};
  REQUIRE(fstat(FileOf(own), &before) == 0);
  const volatile std::byte* data = peer.data();
  for (uint64_t at = 0; at < peer.ring_bytes(); at += kLayoutPageBytes) (void)data[at];
  REQUIRE(fstat(FileOf(own), &after) == 0);
  CHECK(after.st_blocks == before.st_blocks);
}

TEST_CASE("rejects memory that is not a segment of this version") {
  CHECK(MapCodeWith([](SegmentHeader* header) { header->magic = 0; }) == StatusCode::kVersion);
  CHECK(MapCodeWith([](SegmentHeader* header) { header->magic++; }) == StatusCode::kVersion);
  CHECK(MapCodeWith([](SegmentHeader* header) { header->endian_tag = 0x0403'0201; }) ==
        StatusCode::kVersion);
  CHECK(MapCodeWith([](SegmentHeader* header) { header->layout_major = 2; }) ==
        StatusCode::kVersion);
  CHECK(MapCodeWith([](SegmentHeader* header) { header->features_required = 2; }) ==
        StatusCode::kVersion);
}

TEST_CASE("rejects a header with a wrong number") {
  const std::function<void(SegmentHeader*)> changes[] = {
      [](SegmentHeader* header) { header->header_bytes = 96; },
      [](SegmentHeader* header) { header->header_bytes = 4097; },
      [](SegmentHeader* header) { header->page_bytes = 16384; },
      [](SegmentHeader* header) { header->segment_bytes += 1; },
      [](SegmentHeader* header) { header->segment_bytes = ~uint64_t{0}; },
      [](SegmentHeader* header) { header->kind = 2; },
      [](SegmentHeader* header) { header->capacity_log2 = 15; },
      [](SegmentHeader* header) { header->capacity_log2 = 17; },
      [](SegmentHeader* header) { header->capacity_log2 = 31; },
      [](SegmentHeader* header) { header->capacity_log2 = 0xFFFF'FFFF; },
      [](SegmentHeader* header) { header->control_offset = 0; },
      [](SegmentHeader* header) { header->control_offset = ~uint64_t{0}; },
      [](SegmentHeader* header) { header->data_offset = 4096; },
      // A ring of 64 KiB has nothing to grow to.
      [](SegmentHeader* header) { header->features_required = kFeatureElastic; },
  };
  for (const auto& change : changes) CHECK(MapCodeWith(change) == StatusCode::kCorrupt);
}

TEST_CASE("rejects descriptors of other files") {
  const platform::Handle zero(open("/dev/zero", O_RDWR | O_CLOEXEC));
  CHECK(MapCode(zero) == StatusCode::kCorrupt);
  int ends[2];
  REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
  const platform::Handle read_end(ends[0]);
  const platform::Handle write_end(ends[1]);
  CHECK(MapCode(read_end) == StatusCode::kCorrupt);
  const test::TemporaryPath path("file");
  const platform::Handle file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(ftruncate(static_cast<int>(file.native()), SegmentBytes(test::kRingBytes)) == 0);
  CHECK(MapCode(file) == StatusCode::kCorrupt);
  const platform::Handle directory(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  CHECK(MapCode(directory) == StatusCode::kCorrupt);
  const platform::Handle path_only(open(path.c_str(), O_PATH | O_CLOEXEC));
  CHECK(MapCode(path_only) == StatusCode::kCorrupt);
  CHECK(MapCode(platform::Handle()) == StatusCode::kCorrupt);
}

TEST_CASE("keeps no descriptor after success or failure") {
  const size_t count = test::OpenDescriptorCount();
  {
    OwnSegment own = test::MakeSegment();
    PeerSegment peer;
    REQUIRE(PeerSegment::Map(own.handle(), &peer).ok());
    CHECK(test::OpenDescriptorCount() == count + 1);
    CHECK(MapCode(Forgery{.seals = 0}) == StatusCode::kCorrupt);
  }
  CHECK(test::OpenDescriptorCount() == count);
}

TEST_CASE("reports that no descriptors are left as out of memory") {
  rlimit limit{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  rlimit none = limit;
  none.rlim_cur = 0;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  OwnSegment segment;
  const Status status = OwnSegment::Create(test::kRingBytes, &segment);
  REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(status.code() == StatusCode::kOutOfMemory);
  CHECK(status.os_error() == EMFILE);
}

}  // namespace shmwire

TEST_SUITE_END();
