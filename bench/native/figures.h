#pragma once

// The figures of a run, in the format of bench/scenarios/scenario.d.ts.

#include <cstdint>
#include <vector>

namespace bench {

struct Run {
  uint64_t messages = 0;
  uint64_t message_bytes = 0;
  double seconds = 0;
  double client_cpu_seconds = 0;
  double server_cpu_seconds = 0;
  // Empty where there is no latency.
  std::vector<uint32_t> latency_nanos;
};

// User and system time of this process.
double CpuSeconds();

// One line of JSON on stdout.
void PrintFigures(Run* run);

// Ends the program with a text, as an error that the suite shows.
[[noreturn]] void Fail(const char* what);

}  // namespace bench
