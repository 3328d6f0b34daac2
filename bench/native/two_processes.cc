#include "two_processes.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "figures.h"

namespace bench {
namespace {

void MoveToCore(int nth) {
  cpu_set_t allowed;
  cpu_set_t one;
  CPU_ZERO(&one);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  const int wanted = nth % CPU_COUNT(&allowed);
  for (int core = 0, found = 0; core < CPU_SETSIZE; core++) {
    if (CPU_ISSET(core, &allowed) && found++ == wanted) CPU_SET(core, &one);
  }
  sched_setaffinity(0, sizeof(one), &one);
}

}  // namespace

TwoProcesses::TwoProcesses(const std::function<ServerReport()>& server) {
  int ends[2];
  if (pipe(ends) != 0) Fail("no pipe");
  server_ = fork();
  if (server_ < 0) Fail("no second process");
  if (server_ == 0) {
    // The end of a killed client ends the server.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    MoveToCore(1);
    const ServerReport report = server();
    const bool reported = write(ends[1], &report, sizeof(report)) == sizeof(report);
    _exit(reported ? 0 : 1);
  }
  close(ends[1]);
  pipe_ = ends[0];
  MoveToCore(0);
}

ServerReport TwoProcesses::Join() {
  ServerReport report;
  if (read(pipe_, &report, sizeof(report)) != sizeof(report)) Fail("the server ended early");
  close(pipe_);
  waitpid(server_, nullptr, 0);
  return report;
}

void* SharedMemory(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) Fail("no memory");
  return memory;
}

}  // namespace bench
