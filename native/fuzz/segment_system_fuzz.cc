// The kernel's objects that a peer can send as its segment: a memfd of any size, with holes, with
// any seals and any header, or another file. Oracle: it is mapped only if it is sealed, sized and
// filled as docs/memory-layout.md requires, and then every byte can be read. The other pages of an
// elastic ring are found exactly if all of them exist, and no check creates one.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vector>

#include "core/segment.h"
#include "fuzz/input.h"
#include "fuzz/require.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

namespace shmwire::fuzz {
namespace {

constexpr uint64_t kSmallest = SegmentBytes(kRingBytesMin);
constexpr uint64_t kLarger = SegmentBytes(2 * kRingBytesMin);
constexpr int kSealsRequired = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
constexpr int kSeals[] = {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_FUTURE_WRITE, F_SEAL_SEAL,
                          F_SEAL_WRITE};

// The first page of a valid segment.
std::array<std::byte, sizeof(SegmentHeader)> HonestHeader(uint64_t bytes) {
  OwnSegment own;
  FUZZ_REQUIRE(OwnSegment::Create(bytes - kDataOffset, &own).ok());
  std::array<std::byte, sizeof(SegmentHeader)> header;
  std::memcpy(header.data(), own.data() - kDataOffset, header.size());
  return header;
}

struct Made {
  platform::Handle handle;
  bool honest;
  // In the pages that must exist before the memory is mapped; and anywhere.
  bool has_holes;
  bool is_partial;
};

// Files without seals, none of which may be mapped.
platform::Handle Stranger(uint8_t which) {
  int ends[2];
  switch (which & 3) {
    case 0:
      return platform::Handle(open("/dev/zero", O_RDONLY | O_CLOEXEC));
    case 1:
      FUZZ_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
      close(ends[1]);
      return platform::Handle(ends[0]);
    case 2:
      return platform::Handle(memfd_create("no seals", MFD_CLOEXEC));
    default:
      return platform::Handle(open("/", O_RDONLY | O_CLOEXEC | O_DIRECTORY));
  }
}

int ForgeSeals(Input* input) {
  const uint8_t wrong = input->Byte();
  if (wrong < 160) return kSealsRequired;
  int seals = kSealsRequired;
  for (size_t index = 0; index < std::size(kSeals); index++) {
    if ((wrong >> index & 1) != 0) seals ^= kSeals[index];
  }
  return seals;
}

// Writes the first `filled` bytes or only reserves them. `beyond` reserves as much after the end.
void MakePages(int file, uint64_t bytes, uint64_t filled, bool only_reserved, bool beyond) {
  const auto length = static_cast<off_t>(filled);
  if (beyond && length > 0) {
    FUZZ_REQUIRE(fallocate(file, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(bytes), length) == 0);
  }
  if (length == 0) return;
  if (only_reserved) {
    FUZZ_REQUIRE(fallocate(file, 0, 0, length) == 0);
    return;
  }
  static const std::vector<std::byte> zeros(2 * kLarger);
  FUZZ_REQUIRE(filled <= zeros.size());
  FUZZ_REQUIRE(pwrite(file, zeros.data(), filled, 0) == static_cast<ssize_t>(filled));
}

uint64_t PagesOf(uint64_t bytes) { return (bytes + kLayoutPageBytes - 1) / kLayoutPageBytes; }

Made MakeMemory(Input* input) {
  static const std::array<std::byte, sizeof(SegmentHeader)> honest_headers[] = {
      HonestHeader(kSmallest), HonestHeader(kLarger)};
  const int file = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  FUZZ_REQUIRE(file >= 0);
  Made made = {platform::Handle(file), false, false, false};
  const uint8_t how = input->Byte();
  const bool is_larger = (how & 128) != 0;
  const uint64_t size = is_larger ? kLarger : kSmallest;
  uint64_t bytes = size;
  if ((how & 1) != 0) bytes += int64_t{input->Take<int16_t>()};
  if ((how & 2) != 0) bytes = input->Below(2 * size);
  FUZZ_REQUIRE(ftruncate(file, static_cast<off_t>(bytes)) == 0);
  const bool holes = (how & 12) == 12;
  const uint64_t filled = holes ? input->Below(bytes + 1) : bytes;
  const bool only_reserved = (how & 32) != 0;
  MakePages(file, bytes, filled, only_reserved, (how & 64) != 0);
  auto header = honest_headers[is_larger ? 1 : 0];
  bool changed = false;
  if ((how & 16) != 0) {
    const auto at = static_cast<size_t>(input->Below(header.size()));
    const auto value = static_cast<std::byte>(input->Byte());
    changed = header[at] != value;
    header[at] = value;
  }
  const auto count = std::min<uint64_t>(bytes, header.size());
  FUZZ_REQUIRE(pwrite(file, header.data(), count, 0) == static_cast<ssize_t>(count));
  const int seals = ForgeSeals(input);
  FUZZ_REQUIRE(fcntl(file, F_ADD_SEALS, seals) == 0);
  // The kernel allocates whole pages. The write of the header has created the first one.
  const uint64_t existing = only_reserved ? 1 : PagesOf(filled);
  made.is_partial = existing < PagesOf(bytes);
  const bool is_elastic = header[offsetof(SegmentHeader, features_required)] == std::byte{1};
  made.has_holes = existing < PagesOf(is_elastic ? std::min(bytes, kSmallest) : bytes);
  // A changed header may still be valid: its id and owner are arbitrary.
  made.honest = bytes == size && seals == kSealsRequired && !changed && !made.has_holes;
  return made;
}

uint64_t BlocksOf(const platform::Handle& handle) {
  struct stat status {};
  FUZZ_REQUIRE(fstat(static_cast<int>(handle.native()), &status) == 0);
  return static_cast<uint64_t>(status.st_blocks);
}

void Run(Input input) {
  const uint8_t what = input.Byte();
  const Made made = what >= 248 ? Made{Stranger(what), false, true, true} : MakeMemory(&input);
  PeerSegment peer;
  const Status status = PeerSegment::Map(made.handle, &peer);
  FUZZ_REQUIRE(!made.honest || status.ok());
  FUZZ_REQUIRE(!made.has_holes || !status.ok());
  FUZZ_REQUIRE(status.ok() || status.code() == StatusCode::kCorrupt ||
               status.code() == StatusCode::kVersion ||
               (made.has_holes && status.code() == StatusCode::kUnavailable));
  FUZZ_REQUIRE(peer.valid() == status.ok());
  if (!status.ok()) return;
  FUZZ_REQUIRE((fcntl(static_cast<int>(made.handle.native()), F_GET_SEALS) & ~F_SEAL_WRITE) ==
               kSealsRequired);
  FUZZ_REQUIRE(IsRingBytes(peer.ring_bytes()));
  // A 64 KiB ring is not elastic, and the pages of another one may not exist yet.
  FUZZ_REQUIRE(!peer.elastic() || peer.ring_bytes() > kRingBytesMin);
  FUZZ_REQUIRE(peer.elastic() || !made.is_partial);
  const uint64_t blocks = BlocksOf(made.handle);
  const bool all_exist = peer.CheckPages().ok();
  FUZZ_REQUIRE(!peer.elastic() || all_exist == !made.is_partial);
  // A read of a missing page would end this process.
  const uint64_t readable = all_exist ? peer.ring_bytes() : kRingBytesMin;
  const volatile std::byte* data = peer.data();
  for (uint64_t at = 0; at < readable; at += kLayoutPageBytes) (void)data[at];
  (void)data[readable - 1];
  FUZZ_REQUIRE(BlocksOf(made.handle) == blocks);
}

}  // namespace
}  // namespace shmwire::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  shmwire::fuzz::Run(shmwire::fuzz::Input(bytes, count));
  return 0;
}
