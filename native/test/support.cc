#include "test/support.h"

#include <dirent.h>
#include <unistd.h>

#include <cstdlib>
#include <random>
#include <string>
#include <thread>

#include "platform/posix/stray_descriptors.h"
#include "platform/process.h"
#include "platform/shared_memory.h"

namespace shmwire::test {

uint64_t Seed() {
  const char* seed = std::getenv("SHMWIRE_TEST_SEED");
  return seed != nullptr ? std::strtoull(seed, nullptr, 10) : std::random_device{}();
}

Payload MakePayload(uint64_t index, uint64_t bytes) {
  Payload payload(bytes);
  Random random(index * 2654435761 + bytes + 1);
  uint64_t at = 0;
  for (; at + sizeof(uint64_t) <= bytes; at += sizeof(uint64_t)) {
    const uint64_t word = random.Next();
    std::memcpy(payload.data() + at, &word, sizeof(word));
  }
  for (; at < bytes; at++) payload[at] = static_cast<std::byte>(random.Next());
  return payload;
}

size_t OpenDescriptorCount() {
  // Counts the descriptors that another thread closes as closed.
  while (platform::StrayDescriptorsOpen() > 0) std::this_thread::yield();
  DIR* directory = opendir("/dev/fd");
  REQUIRE(directory != nullptr);
  size_t count = 0;
  while (readdir(directory) != nullptr) count++;
  closedir(directory);
  return count - 3;  // ., .. and the directory's own
}

platform::Handle MakeMemory() {
  platform::MemoryId id;
  platform::Handle handle;
  platform::Mapping mapping;
  REQUIRE(platform::FillRandom(&id, sizeof(id)).ok());
  REQUIRE(platform::CreateSharedMemory(id, SegmentBytes(kRingBytes), SegmentBytes(kRingBytes),
                                       &handle, &mapping)
              .ok());
  return handle;
}

TemporaryPath::TemporaryPath(const char* name) {
  char pattern[] = "/tmp/shmwire-test-XXXXXX";
  const char* made = mkdtemp(pattern);
  REQUIRE(made != nullptr);
  directory_ = made;
  path_ = directory_ + "/" + name;
}

TemporaryPath::~TemporaryPath() {
  unlink(path_.c_str());
  rmdir(directory_.c_str());
}

bool WriteAll(RingWriter* writer, uint16_t kind, uint32_t id, const Payload& payload) {
  uint64_t offset = 0;
  bool wrote = false;
  do {
    REQUIRE(writer->WriteNext(kind, id, payload.data(), payload.size(), &offset, &wrote).ok());
  } while (wrote && offset < payload.size());
  writer->Publish();
  return wrote;
}

std::vector<Received> ReadAll(RingReader* reader) {
  std::vector<Received> messages;
  Payload target(kRingBytes);
  MessageDescriptor descriptors[64];
  bool more = true;
  for (;;) {
    REQUIRE(reader->Poll().ok());
    if (!reader->has_data()) return messages;
    Batch batch = {.target = target.data(),
                   .target_bytes = target.size(),
                   .offset = 0,
                   .descriptors = descriptors,
                   .descriptors_max = 64};
    REQUIRE(reader->Receive(&batch, &more).ok());
    for (uint32_t index = 0; index < batch.count; index++) {
      const MessageDescriptor& one = descriptors[index];
      messages.push_back(
          {one.kind, one.id,
           Payload(target.begin() + one.offset, target.begin() + one.offset + one.length)});
    }
    reader->Release();
    if (!batch.fragmented) continue;
    Payload whole(static_cast<size_t>(batch.required_bytes));
    AssembledMessage message;
    do {
      REQUIRE(reader->Assemble(whole.data(), whole.size(), &message, &more).ok());
      reader->Release();
    } while (more);
    if (!message.whole) return messages;
    messages.push_back({message.kind, message.id, std::move(whole)});
  }
}

}  // namespace shmwire::test
