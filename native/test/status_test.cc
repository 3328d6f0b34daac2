#include "core/status.h"

#include <string>

#include "test/support.h"

TEST_SUITE_BEGIN("status_test");

namespace shmwire {

TEST_CASE("is ok by default") {
  constexpr Status status;
  CHECK(status.ok());
  CHECK(status.code() == StatusCode::kOk);
  CHECK(status.os_error() == 0);
  CHECK(std::string(status.context()).empty());
}

TEST_CASE("keeps the code, the context and the system's number") {
  constexpr Status status = Status::Error(StatusCode::kDenied, "cannot read", 13);
  CHECK_FALSE(status.ok());
  CHECK(status.code() == StatusCode::kDenied);
  CHECK(std::string(status.context()) == "cannot read");
  CHECK(status.os_error() == 13);
}

}  // namespace shmwire

TEST_SUITE_END();
