// Runs a program for which the kernel rejects one system call, as in a sandbox.
//
//   refuse <call> <EPERM|ENOSYS|ENOSPC|ENOMEM> <program> <argument>…
//
// test/process/refused-calls.test.ts compiles it. Exits with 2 if it cannot install the filter or
// start the program.

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <iterator>

#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#endif

namespace {

constexpr int kFailed = 2;
constexpr uint32_t kWholeWord = ~uint32_t{0};

// The kernel rejects the call when (argument & mask) == value; with mask 0 always.
struct Call {
  const char* name;
  uint32_t number;
  uint32_t argument_index = 0;
  uint32_t mask = 0;
  uint32_t value = 0;
};

constexpr Call kCalls[] = {
    {"memfd_create", SYS_memfd_create},
    {"fallocate", SYS_fallocate},
    {"pwritev", SYS_pwritev},
    {"F_ADD_SEALS", SYS_fcntl, 1, kWholeWord, F_ADD_SEALS},
    {"statx", SYS_statx},
    {"socketpair", SYS_socketpair},
    {"sendmsg", SYS_sendmsg},
    {"recvmsg", SYS_recvmsg},
    {"SO_PASSCRED", SYS_setsockopt, 2, kWholeWord, SO_PASSCRED},
    {"SO_PEERCRED", SYS_getsockopt, 2, kWholeWord, SO_PEERCRED},
    // FUTEX_WAIT (0) and FUTEX_WAKE (1) without FUTEX_PRIVATE_FLAG. The C library's locks are
    // private, and no program starts without them.
    {"futex", SYS_futex, 1, kWholeWord - 1, 0},
};

struct Error {
  const char* name;
  uint32_t number;
};

// A sandbox forbids the call, an old kernel does not have it, a full system has no space.
constexpr Error kErrors[] = {
    {"EPERM", EPERM}, {"ENOSYS", ENOSYS}, {"ENOSPC", ENOSPC}, {"ENOMEM", ENOMEM}};

template <typename Named, size_t kCount>
const Named* Find(const Named (&all)[kCount], const char* name) {
  for (const Named& one : all) {
    if (std::strcmp(one.name, name) == 0) return &one;
  }
  return nullptr;
}

// For this process and every program that it executes.
bool Refuse(const Call& call, uint32_t os_error) {
  // The lower half of the argument: shmwire runs on little-endian processors only. The filter does
  // not check the architecture, because the program is not an adversary.
  const auto argument =
      static_cast<uint32_t>(offsetof(seccomp_data, args) + call.argument_index * sizeof(uint64_t));
  sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call.number, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, call.mask),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call.value, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | os_error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {.len = static_cast<unsigned short>(std::size(steps)),
                              .filter = steps};
  // Otherwise only root may install a filter.
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

}  // namespace

int main(int count, char** words) {
  const Call* call = count > 3 ? Find(kCalls, words[1]) : nullptr;
  const Error* error = count > 3 ? Find(kErrors, words[2]) : nullptr;
  if (call == nullptr || error == nullptr) {
    std::fprintf(stderr,
                 "usage: refuse <call> <EPERM|ENOSYS|ENOSPC|ENOMEM> <program> <argument>...\n");
    return kFailed;
  }
  if (!Refuse(*call, error->number)) {
    std::perror("refuse: the filter cannot be installed");
    return kFailed;
  }
  execvp(words[3], words + 3);
  std::perror("refuse: the program cannot be started");
  return kFailed;
}
