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

TEST_CASE("does not wake a thread that is awake") {
  Word word;
  CHECK(word.waker.Check() == WakeAction::kNone);
}

TEST_CASE(
    "wakes an event loop through its doorbell, and a blocked thread through the wake sequence") {
  Word word;
  word.sleeper.Arm(SleepMode::kEventLoop);
  CHECK((word.word.LoadRelaxed() & 3) == kWakeArmedBit);
  CHECK(word.waker.Check() == WakeAction::kDoorbell);
  word.sleeper.Arm(SleepMode::kBlocked);
  CHECK((word.word.LoadRelaxed() & 3) == (kWakeArmedBit | kWakeBlockedBit));
  CHECK(word.waker.Check() == WakeAction::kWakeSequence);
}

TEST_CASE("wakes once in each epoch") {
  Word word;
  for (int epoch = 0; epoch < 3; epoch++) {
    word.sleeper.Arm(SleepMode::kEventLoop);
    CHECK(word.waker.Check() == WakeAction::kDoorbell);
    CHECK(word.waker.Check() == WakeAction::kNone);
    CHECK(word.waker.Check() == WakeAction::kNone);
  }
}

TEST_CASE("begins a new epoch when a sleeper arms again without a disarm") {
  Word word;
  word.sleeper.Arm(SleepMode::kEventLoop);
  const uint32_t first = word.word.LoadRelaxed();
  CHECK(word.waker.Check() == WakeAction::kDoorbell);
  word.sleeper.Arm(SleepMode::kEventLoop);
  CHECK(word.word.LoadRelaxed() == first + kWakeEpochStep);
  CHECK(word.waker.Check() == WakeAction::kDoorbell);
}

TEST_CASE("does not wake a disarmed sleeper") {
  Word word;
  word.sleeper.Arm(SleepMode::kBlocked);
  word.sleeper.Disarm();
  CHECK((word.word.LoadRelaxed() & kWakeArmedBit) == 0);
  CHECK(word.waker.Check() == WakeAction::kNone);
  word.sleeper.Arm(SleepMode::kBlocked);
  CHECK(word.waker.Check() == WakeAction::kWakeSequence);
}

TEST_CASE("wakes after the epoch has wrapped") {
  Word word;
  word.word.StoreRelaxed(0xFFFF'FFFC | kWakeArmedBit);
  CHECK(word.waker.Check() == WakeAction::kDoorbell);
  word.word.StoreRelaxed(kWakeArmedBit);
  CHECK(word.waker.Check() == WakeAction::kDoorbell);
}

}  // namespace shmwire

TEST_SUITE_END();
