#include "platform/linux/stray_descriptors.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <new>
#include <utility>

// The first versions that glibc had. Built against a newer glibc (2.32, 2.34) they would ask users
// for that one, and Node itself runs from 2.28 on.
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

// Counts only; orders nothing.
std::atomic<size_t> open_count{0};

struct Strays {
  std::unique_ptr<int[]> descriptors;
  size_t count = 0;
};

void* CloseAll(void* argument) {
  const std::unique_ptr<Strays> strays(static_cast<Strays*>(argument));
  for (size_t index = 0; index < strays->count; index++) {
    close(strays->descriptors[index]);
    open_count.fetch_sub(1, std::memory_order_relaxed);
  }
  return nullptr;
}

void StartClosing(std::unique_ptr<Strays> strays) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  // It inherits the mask: the program's signals are for its own threads.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  if (pthread_create(&thread, &attributes, CloseAll, strays.get()) == 0) {
    static_cast<void>(strays.release());  // the thread's
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
}

}  // namespace

bool ClosesAtOnce(int descriptor) {
  if (fcntl(descriptor, F_GET_SEALS) >= 0) return true;
  // Others may linger (SO_LINGER).
  int domain = 0;
  socklen_t bytes = sizeof(domain);
  return getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) == 0 && domain == AF_UNIX;
}

void CloseElsewhere(const int* descriptors, size_t count) {
  if (count == 0) return;
  std::unique_ptr<Strays> strays(new (std::nothrow) Strays);
  if (strays == nullptr) return;
  strays->descriptors.reset(new (std::nothrow) int[count]);
  if (strays->descriptors == nullptr) return;
  for (size_t index = 0; index < count; index++) strays->descriptors[index] = descriptors[index];
  strays->count = count;
  open_count.fetch_add(count, std::memory_order_relaxed);
  StartClosing(std::move(strays));
}

size_t StrayDescriptorsOpen() { return open_count.load(std::memory_order_relaxed); }

}  // namespace shmwire::platform
