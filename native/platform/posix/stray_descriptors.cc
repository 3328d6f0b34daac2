#include "platform/posix/stray_descriptors.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <type_traits>

#include "platform/process.h"

// The first versions in glibc. Built against a newer glibc (2.32, 2.34), they would require that
// one, and Node itself runs from 2.28 on.
#if defined(__GLIBC__) && defined(__x86_64__)
#define FIRST_VERSION(call) __asm__(".symver " #call ", " #call "@GLIBC_2.2.5")
#elif defined(__GLIBC__) && defined(__aarch64__)
#define FIRST_VERSION(call) __asm__(".symver " #call ", " #call "@GLIBC_2.17")
#else
#define FIRST_VERSION(call) static_assert(true)
#endif
FIRST_VERSION(pthread_attr_setstacksize);
FIRST_VERSION(pthread_create);
FIRST_VERSION(pthread_sigmask);

namespace shmwire::platform {
namespace {

constexpr size_t kStackBytes = size_t{64} * 1024;
constexpr size_t kStraysMax = 1024;
// Of RLIMIT_NOFILE.
constexpr size_t kStraysShare = 4;
constexpr uint64_t kStuckNanos = 250'000'000;
constexpr size_t kCapacityMin = 256;

// For all threads. Never destroyed, because the thread may run while the process exits.
struct Queue {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  int* descriptors = nullptr;
  size_t count = 0;
  size_t capacity = 0;
  // Descriptors that stay open, because no memory was left for their numbers.
  size_t lost = 0;
  // The monotonic time at which the current close began, or the first descriptor was queued.
  uint64_t progress_nanos = 0;
  bool running = false;
  // The thread is closing a descriptor, which is no longer in the array.
  bool closing = false;
  bool watches_forks = false;
};
static_assert(std::is_trivially_destructible_v<Queue>);
constinit Queue queue;

class Lock {
 public:
  Lock() { pthread_mutex_lock(&queue.mutex); }
  ~Lock() { pthread_mutex_unlock(&queue.mutex); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
};

size_t OpenCount() { return queue.count + queue.lost + (queue.closing ? 1 : 0); }

void* CloseAll(void* /*unused*/) {
  for (;;) {
    int descriptor = -1;
    {
      const Lock lock;
      queue.closing = queue.count > 0;
      queue.running = queue.closing;
      if (!queue.running) return nullptr;
      queue.progress_nanos = MonotonicNanos();
      descriptor = queue.descriptors[--queue.count];
    }
    close(descriptor);
  }
}

// The child of a fork inherits the descriptors, but not the thread.
void WatchForks() {
  if (queue.watches_forks) return;
  const auto lock = [] { pthread_mutex_lock(&queue.mutex); };
  const auto unlock = [] { pthread_mutex_unlock(&queue.mutex); };
  const auto restart = [] {
    queue.running = false;
    queue.closing = false;
    pthread_mutex_unlock(&queue.mutex);
  };
  queue.watches_forks = pthread_atfork(lock, unlock, restart) == 0;
}

// The caller holds the lock.
void StartThread() {
  if (queue.running || queue.count == 0) return;
  WatchForks();
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  // The thread inherits this mask: signals are for the program's own threads.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  queue.running = pthread_create(&thread, &attributes, CloseAll, nullptr) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
}

// The caller holds the lock. False: no memory.
bool MakeRoom(size_t count) {
  if (queue.capacity - queue.count >= count) return true;
  const size_t capacity = std::max({kCapacityMin, 2 * queue.capacity, queue.count + count});
  void* const grown = std::realloc(queue.descriptors, capacity * sizeof(int));
  if (grown == nullptr) return false;
  queue.descriptors = static_cast<int*>(grown);
  queue.capacity = capacity;
  return true;
}

size_t StraysMax() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return kStraysMax;
  return static_cast<size_t>(std::min<rlim_t>(kStraysMax, limit.rlim_cur / kStraysShare));
}

}  // namespace

void CloseElsewhere(const int* descriptors, size_t count) {
  if (count == 0) return;
  const Lock lock;
  if (OpenCount() == 0) queue.progress_nanos = MonotonicNanos();
  if (MakeRoom(count)) {
    std::copy_n(descriptors, count, queue.descriptors + queue.count);
    queue.count += count;
  } else {
    queue.lost += count;
  }
  StartThread();
}

size_t StrayDescriptorsOpen() {
  const Lock lock;
  return OpenCount();
}

StrayBacklog StrayDescriptorBacklog() {
  const Lock lock;
  if (OpenCount() == 0) return StrayBacklog::kSmall;
  StartThread();
  if (OpenCount() < StraysMax()) return StrayBacklog::kSmall;
  const bool stuck = MonotonicNanos() - queue.progress_nanos > kStuckNanos;
  return stuck ? StrayBacklog::kStuck : StrayBacklog::kFull;
}

}  // namespace shmwire::platform
