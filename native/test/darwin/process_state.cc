#include "test/process_state.h"

#include <libproc.h>
#include <mach/mach.h>
#include <unistd.h>

namespace shmwire::test {

size_t SegmentMappingCount() {
  size_t count = 0;
  vm_address_t address = 0;
  for (;;) {
    vm_size_t bytes = 0;
    natural_t depth = 0;
    vm_region_submap_info_data_64_t info{};
    mach_msg_type_number_t words = VM_REGION_SUBMAP_INFO_COUNT_64;
    if (vm_region_recurse_64(mach_task_self(), &address, &bytes, &depth,
                             reinterpret_cast<vm_region_recurse_info_t>(&info),
                             &words) != KERN_SUCCESS) {
      return count;
    }
    if (info.share_mode == SM_SHARED || info.share_mode == SM_TRUESHARED) count++;
    address += bytes;
  }
}

size_t ThreadCount() {
  proc_taskinfo info{};
  constexpr int kBytes = sizeof(info);
  if (proc_pidinfo(getpid(), PROC_PIDTASKINFO, 0, &info, kBytes) != kBytes) return 0;
  return static_cast<size_t>(info.pti_threadnum);
}

}  // namespace shmwire::test
