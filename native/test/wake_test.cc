#include "core/wake.h"

#include "test/support.h"

TEST_SUITE_BEGIN("wake_test");

namespace shmwire {
namespace {

struct Word {
  SharedWord<uint32_t> word{};
  Sleeper sleeper{&word};
  Waker waker{&word};
};

}  // namespace

TEST_CASE("nobody rings who is awake") {
  Word word;
  CHECK(word.waker.Check() == Ring::kNone);
}

TEST_CASE("an event loop is rung through its doorbell, a blocked thread through the signal") {
  Word word;
  word.sleeper.Arm(SleepMode::kEventLoop);
  CHECK((word.word.LoadRelaxed() & 3) == kWakeArmedBit);
  CHECK(word.waker.Check() == Ring::kDoorbell);
  word.sleeper.Arm(SleepMode::kBlocked);
  CHECK((word.word.LoadRelaxed() & 3) == (kWakeArmedBit | kWakeBlockedBit));
  CHECK(word.waker.Check() == Ring::kSignal);
}

TEST_CASE("an epoch is rung once") {
  Word word;
  for (int epoch = 0; epoch < 3; epoch++) {
    word.sleeper.Arm(SleepMode::kEventLoop);
    CHECK(word.waker.Check() == Ring::kDoorbell);
    CHECK(word.waker.Check() == Ring::kNone);
    CHECK(word.waker.Check() == Ring::kNone);
  }
}

TEST_CASE("arming again without a rest in between is a new epoch") {
  Word word;
  word.sleeper.Arm(SleepMode::kEventLoop);
  const uint32_t first = word.word.LoadRelaxed();
  CHECK(word.waker.Check() == Ring::kDoorbell);
  word.sleeper.Arm(SleepMode::kEventLoop);
  CHECK(word.word.LoadRelaxed() == first + kWakeEpochStep);
  CHECK(word.waker.Check() == Ring::kDoorbell);
}

TEST_CASE("a sleeper that disarmed is not rung") {
  Word word;
  word.sleeper.Arm(SleepMode::kBlocked);
  word.sleeper.Disarm();
  CHECK((word.word.LoadRelaxed() & kWakeArmedBit) == 0);
  CHECK(word.waker.Check() == Ring::kNone);
  word.sleeper.Arm(SleepMode::kBlocked);
  CHECK(word.waker.Check() == Ring::kSignal);
}

TEST_CASE("an epoch that wraps is rung all the same") {
  Word word;
  word.word.StoreRelaxed(0xFFFF'FFFC | kWakeArmedBit);
  CHECK(word.waker.Check() == Ring::kDoorbell);
  word.word.StoreRelaxed(kWakeArmedBit);
  CHECK(word.waker.Check() == Ring::kDoorbell);
}

}  // namespace shmwire

TEST_SUITE_END();
