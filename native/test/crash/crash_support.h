#pragma once

// A victim that dies at each of its stores in turn, and a survivor that checks the rest.

#include <sys/socket.h>

#include <functional>

#include "core/wake.h"
#include "platform/process.h"
#include "test/child.h"
#include "test/crash/crash_point.h"
#include "test/endpoint_support.h"

namespace shmwire::crash {

// Hangs up when the other process ends. Each process keeps one end.
class ControlSocket {
 public:
  ControlSocket() {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    survivor_ = platform::Handle(ends[0]);
    victim_ = platform::Handle(ends[1]);
  }
  void KeepSurvivors() { victim_.Close(); }
  void KeepVictims() { survivor_.Close(); }
  [[nodiscard]] intptr_t native() const { return survivor_.native(); }

 private:
  platform::Handle survivor_;
  platform::Handle victim_;
};

// One run: the victim uses the client's end, the survivor the server's.
class CrashRun {
 public:
  // The actions of the victim, whose stores count. False: one of them failed.
  using Act = std::function<bool(Endpoint*)>;

  explicit CrashRun(uint64_t ring_bytes = test::kRingBytes) : pair_(ring_bytes) {}

  [[nodiscard]] Endpoint& victim() { return pair_.client; }
  [[nodiscard]] Endpoint& survivor() { return pair_.server; }
  [[nodiscard]] intptr_t control_socket() const { return control_.native(); }

  // Lets the victim act until it is done, or until it crashes after `stores` stores. The survivor
  // sleeps meanwhile in a blocking wait for `wait` if it has a condition; `*outcome` is the result.
  // Returns whether the victim completed its actions.
  bool Run(const Act& act, uint64_t stores, const WaitFor& wait, WaitOutcome* outcome) {
    const bool sleeps = wait.for_data || wait.room_length.has_value();
    test::Child child([&] {
      control_.KeepVictims();
      if (sleeps) AwaitArmed(wait);
      CrashAfter(stores);
      return act(&victim()) ? 0 : 1;
    });
    control_.KeepSurvivors();
    if (sleeps) *outcome = Wait(wait);
    const int exit_status = child.Join();
    REQUIRE((exit_status == 0 || exit_status == kCrashedExit));
    return exit_status == 0;
  }

  // A blocking wait of the survivor, which only the peer ends.
  WaitOutcome Wait(WaitFor wait) {
    wait.timeout_nanos = test::kNeverNanos;
    wait.control_socket = control_socket();
    WaitOutcome outcome = WaitOutcome::kTimeout;
    Status status = survivor().Wait(wait, &outcome);
    CAPTURE(status.context());
    REQUIRE(status.ok());
    REQUIRE(outcome != WaitOutcome::kTimeout);
    return outcome;
  }

 private:
  // So that each run starts with a peer that sleeps or is about to.
  void AwaitArmed(const WaitFor& wait) {
    const ControlBlock* control = victim().peer().control();
    const SharedWord<uint32_t>& word = wait.for_data ? control->data_wake : control->room_wake;
    while ((word.LoadSeqCst() & kWakeArmedBit) == 0) platform::YieldCpu();
  }

  test::HandedOverPair pair_;
  ControlSocket control_;
};

}  // namespace shmwire::crash
