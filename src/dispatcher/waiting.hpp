// SPDX-License-Identifier: MIT
/// \file
/// Waiting: threads that wait for jobs, and serve the Dispatcher meanwhile.
#pragma once

#include "channel/spin.hpp"
#include "dispatcher/submission.hpp"

#include <procpool/process_backend.hpp>
#include <procpool/types.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace procpool::detail {

class Dispatcher;
class DispatcherLoop;

/// One waiting thread, the leader, looks after the workers and sleeps on the pool's bell; the others follow,
/// each on a condition of its own, until their job is settled or they are to lead. Used with the Dispatcher's
/// lock held.
class Waiting {
 public:
  explicit Waiting(Duration longest_spin) noexcept : spin_(longest_spin) {}

  /// Takes the lock. The leader, who has nearly always something to do while much goes on, gives it back for
  /// it.
  [[nodiscard]] std::unique_lock<std::mutex> enter(std::mutex& mutex) const;

  /// nullptr: returns when nobody is at the old one any more.
  void set_bell(std::unique_lock<std::mutex>& lock, HostBell* bell);
  bool wait(Dispatcher& dispatcher, std::unique_lock<std::mutex>& lock, Waitable& waitable,
            std::optional<TimePoint> deadline);
  /// Wakes who waits for it; called as it settles.
  void settled(DispatcherLoop& loop, Waitable& waitable) noexcept;

  [[nodiscard]] bool anybody_leads() const noexcept { return awaited_ != nullptr; }

 private:
  struct Follower {
    Waitable& waitable;
    std::condition_variable wake;
    bool leads = false;
    bool settled = false;  ///< and counted in wanted_
  };

  /// Nobody leads, or this thread does: a loop without a thread is driven by who leads, and what is called
  /// back meanwhile may wait in its turn.
  [[nodiscard]] bool may_lead() const noexcept;
  void lead(Dispatcher& dispatcher, std::unique_lock<std::mutex>& lock, Waitable& waitable,
            std::optional<TimePoint> deadline);
  void give_way(std::unique_lock<std::mutex>& lock) const;
  void follow(std::unique_lock<std::mutex>& lock, Waitable& waitable, std::optional<TimePoint> deadline);

  HostBell* bell_ = nullptr;
  const Waitable* awaited_ = nullptr;  ///< by the leader; what it has begun to wait for last
  std::thread::id leader_;             ///< while there is one
  bool leader_sleeps_ = false;
  std::condition_variable leader_left_bell_;
  std::vector<Follower*> followers_;
  Spin spin_;
  mutable std::atomic<std::uint32_t> wanted_{0};  ///< threads that wait for the lock
};

}  // namespace procpool::detail
