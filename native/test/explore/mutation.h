#pragma once

// A fault for the explorer to find. It changes the effect of an access, and not the core's source.

#include <atomic>
#include <cstdint>

#include "test/explore/place.h"

namespace shmwire::explore {

enum class MutationKind : uint8_t {
  kNone,
  kStoreOrder,   // stores to the part have `order`
  kLoadOrder,    // loads of the part have `order`
  kNoStore,      // stores to the part have no effect
  kLoadsZero,    // loads of the part find 0
  kWaitsAnyway,  // a wait does not compare the word before it sleeps
  kNoPages,      // the creation of pages has no effect
  kNoReleaseFence,
  kNoAcquireFence,
};

struct Mutation {
  MutationKind kind = MutationKind::kNone;
  Part part = Part::kPrivate;  // of both segments
  std::memory_order order = std::memory_order_seq_cst;

  [[nodiscard]] bool Is(MutationKind expected, Part at) const {
    return kind == expected && at == part;
  }
};

}  // namespace shmwire::explore
