#pragma once

// The fuzzer's input, read from the front: a change in the middle keeps the beginning of a run.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace shmwire::fuzz {

class Input {
 public:
  Input() = default;
  Input(const uint8_t* bytes, size_t count) : bytes_(bytes), left_(count) {}

  [[nodiscard]] bool empty() const { return left_ == 0; }

  // An unsigned integer or an array of bytes; zeros after the end of the input.
  template <typename T>
  T Take() {
    T value{};
    const size_t count = std::min(left_, sizeof(T));
    std::memcpy(&value, bytes_, count);
    bytes_ += count;
    left_ -= count;
    return value;
  }
  uint8_t Byte() { return Take<uint8_t>(); }
  // From 0 to bound - 1, from as few bytes as possible.
  uint64_t Below(uint64_t bound) {
    if (bound <= 1) return 0;
    if (bound <= 256) return Byte() % bound;
    return (bound <= 65536 ? Take<uint16_t>() : Take<uint32_t>()) % bound;
  }

 private:
  const uint8_t* bytes_ = nullptr;
  size_t left_ = 0;
};

}  // namespace shmwire::fuzz
