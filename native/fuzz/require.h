#pragma once

#include <cstdio>
#include <cstdlib>

// An invariant for every input. A violation ends the run, so that the fuzzer keeps the input.
#define FUZZ_REQUIRE(condition) \
  ((condition) ? void() : ::shmwire::fuzz::Fail(#condition, __FILE__, __LINE__))

namespace shmwire::fuzz {

[[noreturn]] inline void Fail(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
  std::abort();
}

}  // namespace shmwire::fuzz
