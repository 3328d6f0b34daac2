#pragma once

// A fault that is put into a run, to see that it is found. It changes what an access does, so that
// the core's source stays what it is.

#include <atomic>
#include <cstdint>

#include "test/explore/place.h"

namespace shmwire::explore {

enum class MutationKind : uint8_t {
  kNone,
  kStoreOrder,   // stores to the part have `order`
  kLoadOrder,    // loads of the part have `order`
  kNoStore,      // stores to the part are left out
  kLoadsZero,    // loads of the part find 0
  kWaitsAnyway,  // a wait does not compare the word before it sleeps
};

struct Mutation {
  MutationKind kind = MutationKind::kNone;
  Part part = Part::kPrivate;  // of both segments
  std::memory_order order = std::memory_order_seq_cst;

  [[nodiscard]] bool Is(MutationKind wanted, Part at) const { return kind == wanted && at == part; }
};

}  // namespace shmwire::explore
