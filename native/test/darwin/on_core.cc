#include "test/on_core.h"

namespace shmwire::test {

// macOS does not keep threads on cores.
OnCore::OnCore(int /*nth*/) {}
OnCore::~OnCore() = default;

}  // namespace shmwire::test
