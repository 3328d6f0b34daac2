// Figures without Node: the bounds of the machine, and our own core.
//
//   native-bench bounce MILLISECONDS
//   native-bench memcpy|handover|ring-round-trip|ring-one-way MILLISECONDS MESSAGE_BYTES

#include <cstdlib>
#include <cstring>

#include "figures.h"
#include "programs.h"

int main(int argc, char** argv) {
  if (argc < 3) bench::Fail("usage: native-bench PROGRAM MILLISECONDS [MESSAGE_BYTES]");
  const char* program = argv[1];
  const uint64_t duration_nanos = std::strtoull(argv[2], nullptr, 10) * 1'000'000;
  const uint64_t message_bytes = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 64;
  const auto is = [&](const char* name) { return std::strcmp(program, name) == 0; };
  if (message_bytes < sizeof(uint64_t)) bench::Fail("a message has 8 bytes at least");
  if (is("bounce")) {
    bench::Bounce(duration_nanos);
  } else if (is("memcpy")) {
    bench::Memcpy(duration_nanos, message_bytes);
  } else if (is("handover")) {
    bench::Handover(duration_nanos, message_bytes);
  } else if (is("ring-round-trip")) {
    bench::RingRoundTrip(duration_nanos, message_bytes);
  } else if (is("ring-one-way")) {
    bench::RingOneWay(duration_nanos, message_bytes);
  } else {
    bench::Fail("there is no such program");
  }
  return 0;
}
