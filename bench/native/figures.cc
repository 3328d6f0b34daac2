#include "figures.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace bench {

double CpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void PrintFigures(Run* run) {
  const auto messages = static_cast<double>(run->messages);
  std::printf("{\"messages\":%.0f,\"seconds\":%.9f,\"messagesPerSecond\":%.3f", messages,
              run->seconds, messages / run->seconds);
  std::printf(",\"bytesPerSecond\":%.3f",
              messages * static_cast<double>(run->message_bytes) / run->seconds);
  if (!run->latency_nanos.empty()) {
    std::sort(run->latency_nanos.begin(), run->latency_nanos.end());
    const auto at = [&](double part) {
      const auto last = static_cast<double>(run->latency_nanos.size() - 1);
      return run->latency_nanos[static_cast<size_t>(last * part)];
    };
    std::printf(",\"latencyNanos\":{\"p50\":%u,\"p99\":%u,\"p999\":%u,\"max\":%u}", at(0.5),
                at(0.99), at(0.999), at(1));
  }
  const auto per_million = [&](double seconds) { return seconds / messages * 1e6; };
  std::printf(",\"cpuSecondsPerMillion\":{\"client\":%.6f,\"server\":%.6f,\"both\":%.6f}}\n",
              per_million(run->client_cpu_seconds), per_million(run->server_cpu_seconds),
              per_million(run->client_cpu_seconds + run->server_cpu_seconds));
}

void Fail(const char* what) {
  std::fprintf(stderr, "Error: %s\n", what);
  // No destructors: the other process is killed by the end of this one.
  std::_Exit(1);
}

}  // namespace bench
