#include "core/shared_mapping.h"

#include "platform/handle.h"
#include "test/process_state.h"
#include "test/support.h"

TEST_SUITE_BEGIN("shared_mapping_test");

namespace shmwire {
namespace {

constexpr uint64_t kBytes = SegmentBytes(test::kRingBytes);

SharedMapping MakeMapping() {
  platform::Handle handle;
  platform::Mapping mapping;
  REQUIRE(platform::CreateSharedMemory({}, kBytes, kBytes, &handle, &mapping).ok());
  SharedMapping shared;
  REQUIRE(SharedMapping::Share(std::move(mapping), &shared).ok());
  return shared;
}

}  // namespace

TEST_CASE("keeps a mapping until its last owner has gone") {
  const size_t count = test::SegmentMappingCount();
  SharedMapping first = MakeMapping();
  CHECK(first.bytes() == kBytes);
  {
    SharedMapping second(first);
    const SharedMapping moved(std::move(second));
    first = SharedMapping();
    CHECK_FALSE(first.valid());
    moved.data()[kBytes - 1] = std::byte{7};
    CHECK(test::SegmentMappingCount() == count + 1);
  }
  CHECK(test::SegmentMappingCount() == count);
}

TEST_CASE("keeps the addresses, as zeros, and frees the memory for an owner in doubt") {
  const size_t count = test::SegmentMappingCount();
  SharedMapping owner = MakeMapping();
  SharedMapping doubtful(owner);
  volatile std::byte* data = owner.data();
  data[kBytes - 1] = std::byte{7};
  doubtful.KeepAddresses();
  doubtful = SharedMapping();
  CHECK(data[kBytes - 1] == std::byte{7});
  owner = SharedMapping();
  CHECK(test::SegmentMappingCount() == count);
  CHECK(data[kBytes - 1] == std::byte{0});
  data[0] = std::byte{1};
}

}  // namespace shmwire

TEST_SUITE_END();
