// SPDX-License-Identifier: MIT
/// \file
/// ChannelPair: both ends of a channel in one process, over plain memory, with bells made of condition
/// variables.
#pragma once

#include "channel/host_channel.hpp"
#include "channel/worker_channel.hpp"
#include "unit/channel_buffer.hpp"

#include <procpool/process_backend.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>

namespace procpool::detail {

/// Starts the counters of both ends somewhere else than at 0.
struct ChannelTestPeer {
  static void start_at(HostChannel& host, WorkerChannel& worker, std::uint32_t job, std::uint32_t result,
                       std::uint64_t byte) {
    host.limit_ = host.head_ = host.done_ = job & Claim::mask;
    host.results_read_ = result;
    host.aim_ = result + 1;
    host.job_bytes_end_ = host.job_bytes_free_from_ = host.result_bytes_read_ = byte;
    worker.result_tail_ = result;
    worker.result_bytes_end_ = byte;
    ControlBlock& control = host.control();
    control.claim = Claim{host.limit_, host.limit_}.pack();
    control.result_tail = result;
    control.results_read = result;
    control.result_bytes_tail = control.result_bytes_read = byte;
    control.job_bytes_tail = control.job_bytes_read = byte;
  }
};

}  // namespace procpool::detail

namespace procpool::testing {

/// Remembers one ring.
class TestBell {
 public:
  void ring() {
    const std::lock_guard lock(mutex_);
    rung_ = true;
    ++rings_;
    changed_.notify_all();
  }
  /// False if it did not ring within the time.
  bool wait(Duration timeout) {
    std::unique_lock lock(mutex_);
    const bool rang = changed_.wait_for(lock, timeout, [this] { return rung_; });
    rung_ = false;
    return rang;
  }
  [[nodiscard]] int rings() const {
    const std::lock_guard lock(mutex_);
    return rings_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool rung_ = false;
  int rings_ = 0;
};

class TestBellAsHostBell final : public HostBell {
 public:
  bool wait(Duration timeout) noexcept override { return bell_.wait(timeout); }
  void ring() noexcept override { bell_.ring(); }

 private:
  TestBell bell_;
};

class ChannelPair final : private WorkerProcess, private WorkerLink {
 public:
  /// A side that sleeps this long with work to do has lost a wake-up.
  static constexpr std::chrono::seconds patience{10};
  static constexpr std::size_t max_message = std::size_t{64} << 20;

  explicit ChannelPair(const detail::WorkerTerms& terms = {.max_message = max_message})
      : host(*this, terms), worker(*this) {
    worker.begin_to_look();
  }

  /// Zero, and of the size of a channel.
  [[nodiscard]] std::span<std::byte> memory() noexcept override { return buffer_.bytes(); }
  [[nodiscard]] detail::ChannelMemory& shared() noexcept { return buffer_.shared(); }

  TestBell host_bell;
  TestBell worker_bell;
  std::atomic<bool> starved{false};  ///< the worker has waited in vain
  std::atomic<bool> host_gone{false};

 private:
  // The host's end of the process.
  void ring() noexcept override { worker_bell.ring(); }
  void kill() noexcept override {}
  void signal(int) noexcept override {}
  void nudge() noexcept override {}
  bool ended() noexcept override { return false; }
  std::optional<MemorySize> footprint() noexcept override { return std::nullopt; }
  NativeHandle sentinel() noexcept override { return -1; }

  // The worker's end.
  Wake wait(std::optional<Duration> timeout) noexcept override {
    const bool rang = worker_bell.wait(timeout.value_or(patience));
    if (!rang && !timeout) starved = true;
    if (host_gone || starved) return Wake::host_gone;
    return rang ? Wake::rung : Wake::timed_out;
  }
  void ring(Bell) noexcept override { host_bell.ring(); }

  ChannelBuffer buffer_;

 public:
  detail::HostChannel host;
  detail::WorkerChannel worker;
};

inline std::span<const std::byte> as_bytes(const void* data, std::size_t size) {
  return {static_cast<const std::byte*>(data), size};
}

/// Faster than std::ranges::equal in a build without optimization.
inline bool same(std::span<const std::byte> a, std::span<const std::byte> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

/// For WorkerChannel::next().
inline constexpr auto no_idle = [] {};

}  // namespace procpool::testing
