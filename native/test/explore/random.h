#pragma once

#include <cstdint>

namespace shmwire::explore {

// Small, deterministic, and good for consecutive seeds (Steele, Lea and Flood, Fast Splittable
// Pseudorandom Number Generators, 2014).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    state_ += 0x9E37'79B9'7F4A'7C15;
    uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58'476D'1CE4'E5B9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D0'49BB'1331'11EB;
    return mixed ^ (mixed >> 31);
  }
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  // True once in `count` times; never for 0.
  bool OnceIn(uint64_t count) { return count != 0 && Below(count) == 0; }

 private:
  uint64_t state_;
};

}  // namespace shmwire::explore
