// SPDX-License-Identifier: MIT
// What it costs to wake somebody and to be woken: a round trip between two threads, by the bells that
// procpool uses and by words that both look at.
#include "channel/spin.hpp"
#include "posix/host_bell.hpp"
#include "posix/local_socket.hpp"
#include "posix/poll_wait.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#include <benchmark/benchmark.h>
#include <poll.h>
#include <sys/socket.h>

namespace procpool::micro {
namespace {

using namespace std::chrono_literals;

/// One round trip: `ring` wakes the other thread, which runs `answer`, until `wait` has seen that.
template <class Ring, class Wait, class Answer>
void round_trips(benchmark::State& state, Ring ring, Wait wait, Answer answer) {
  std::atomic<bool> stop{false};
  std::thread other([&] {
    for (;;) {
      answer(stop);
      if (stop.load()) return;
    }
  });
  for (auto _ : state) {
    ring();
    wait();
  }
  stop.store(true);
  ring();
  other.join();
}

/// How a thread of the host that waits for a result is rung.
void bell(benchmark::State& state) {
  const auto there = posix::make_host_bell();
  const auto back = posix::make_host_bell();
  round_trips(
      state, [&] { posix::ring_bell(there->ringing_end()); }, [&] { back->wait(10s); },
      [&](const std::atomic<bool>&) {
        there->wait(10s);
        posix::ring_bell(back->ringing_end());
      });
}
BENCHMARK(bell)->Name("wake/host_bell")->UseRealTime();

/// How a worker is rung, and the host's loop.
void doorbell(benchmark::State& state) {
  const posix::FdPair ends = posix::make_socket_pair();
  const auto wait = [](int fd) {
    posix::wait_for(fd, POLLIN, posix::Deadline(10s));
    static_cast<void>(posix::drain_doorbell(fd));
  };
  const int ours = ends.first.get();
  const int theirs = ends.second.get();
  round_trips(
      state, [&] { posix::ring_doorbell(ours); }, [&] { wait(ours); },
      [&](const std::atomic<bool>&) {
        wait(theirs);
        posix::ring_doorbell(theirs);
      });
}
BENCHMARK(doorbell)->Name("wake/doorbell")->UseRealTime();

/// Nobody sleeps: what a look that finds costs.
void spin(benchmark::State& state) {
  std::atomic<int> there{0};
  std::atomic<int> back{0};
  const auto until = [](std::atomic<int>& word) {
    detail::Spin spin(50us);
    while (!spin.until([&] { return word.load(std::memory_order_acquire) != 0; })) detail::cpu_yield();
    word.store(0, std::memory_order_relaxed);
  };
  round_trips(
      state, [&] { there.store(1, std::memory_order_release); }, [&] { until(back); },
      [&](const std::atomic<bool>& stop) {
        until(there);
        if (!stop.load()) back.store(1, std::memory_order_release);
      });
}
BENCHMARK(spin)->Name("wake/spin")->UseRealTime();

}  // namespace
}  // namespace procpool::micro
