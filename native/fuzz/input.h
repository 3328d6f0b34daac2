#pragma once

// What the fuzzer gives a target, read from the front: a change in the middle leaves the beginning
// of a run as it was.

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

  // An unsigned integer or an array of bytes; zeros where the input has ended.
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
  // 0 to bound - 1; the shortest input that can hold it.
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
