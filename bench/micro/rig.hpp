// SPDX-License-Identifier: MIT
/// \file
/// What the micro-benchmarks share: both ends of a channel on one thread, and a clock for a part of a round.
#pragma once

#include "channel/host_channel.hpp"
#include "channel/worker_channel.hpp"

#include <procpool/process_backend.hpp>

#include <chrono>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <span>

#include <benchmark/benchmark.h>

namespace procpool::micro {

/// Zeroed memory of a channel.
class Memory {
 public:
  Memory() { std::memset(memory_.get(), 0, size); }
  [[nodiscard]] std::span<std::byte> bytes() noexcept { return {memory_.get(), size}; }

 private:
  static constexpr std::size_t size = sizeof(detail::ChannelMemory);
  static constexpr std::align_val_t alignment{4096};
  struct Free {
    void operator()(std::byte* bytes) const { ::operator delete(bytes, alignment); }
  };

  std::unique_ptr<std::byte, Free> memory_{static_cast<std::byte*>(::operator new(size, alignment))};
};

/// The host's end of a worker that is no process. Nobody is rung.
class NoProcess final : public WorkerProcess {
 public:
  explicit NoProcess(Memory& memory) noexcept : memory_(memory) {}
  std::span<std::byte> memory() noexcept override { return memory_.bytes(); }
  void ring() noexcept override {}
  void kill() noexcept override {}
  void signal(int) noexcept override {}
  void nudge() noexcept override {}
  bool ended() noexcept override { return false; }
  std::optional<MemorySize> footprint() noexcept override { return std::nullopt; }
  NativeHandle sentinel() noexcept override { return -1; }

 private:
  Memory& memory_;
};

/// The worker's end. Whoever would sleep has done all there is to do, so its call ends.
class NoLink final : public WorkerLink {
 public:
  explicit NoLink(Memory& memory) noexcept : memory_(memory) {}
  std::span<std::byte> memory() noexcept override { return memory_.bytes(); }
  Wake wait(std::optional<Duration>) noexcept override { return Wake::host_gone; }
  void ring(Bell) noexcept override {}

 private:
  Memory& memory_;
};

inline constexpr auto no_idle = [] {};
inline constexpr std::size_t max_message = std::size_t{64} << 20;

struct Channel {
  Memory memory;
  NoProcess process{memory};
  NoLink link{memory};
  detail::HostChannel host{process, {.max_message = max_message}};
  detail::WorkerChannel worker{link};
  JobId next_id = 1;

  /// Stages one job with these arguments.
  void stage(std::span<const std::byte> arguments) {
    detail::Message message;
    message.id = next_id++;
    message.arguments = arguments;
    host.stage(message);
  }
  /// The worker has a job, which it claims; false if there is none.
  bool claim(detail::ClaimedJob& job) { return worker.next(job, no_idle); }
  /// The host takes all answers.
  void receive_all() {
    detail::Answer answer;
    while (host.receive(answer)) {
    }
    host.release();
  }
};

/// Measures a part of each round: for benchmarks with UseManualTime(), whose other parts prepare.
template <class Work>
void timed(benchmark::State& state, Work&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
}

/// The figure is then per item: `items` in each round.
inline void items_in_round(benchmark::State& state, std::size_t items) {
  const auto all = static_cast<double>(state.iterations()) * static_cast<double>(items);
  state.SetItemsProcessed(static_cast<std::int64_t>(all));
  state.counters["each"] = benchmark::Counter(all, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

}  // namespace procpool::micro
