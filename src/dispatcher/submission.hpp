// SPDX-License-Identifier: MIT
/// \file
/// Submission: one call of apply or map, as the Dispatcher sees it.
#pragma once

#include "channel/host_channel.hpp"
#include "dispatcher/ref.hpp"

#include <procpool/process_backend.hpp>
#include <procpool/types.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string>

namespace procpool::detail {

/// What somebody can wait for with Dispatcher::wait().
class Waitable {
 public:
  /// Any thread.
  [[nodiscard]] bool ready() const noexcept { return ready_.load(std::memory_order_acquire); }
  /// Somebody is in Dispatcher::wait() for it.
  [[nodiscard]] bool awaited() const noexcept { return waiters_.load(std::memory_order_relaxed) != 0; }

 protected:
  ~Waitable() = default;
  void set_ready() noexcept { ready_.store(true, std::memory_order_release); }
  void clear_ready() noexcept { ready_.store(false, std::memory_order_release); }

 private:
  friend class Waiting;
  std::atomic<bool> ready_{false};
  std::atomic<std::uint32_t> waiters_{0};
};

/// The time limits of a job; 0 is none.
struct Limits {
  Duration soft{0};
  Duration hard{0};

  [[nodiscard]] bool any() const noexcept { return soft.count() != 0 || hard.count() != 0; }
};

/// Of limits of which there is one at least: the one that passes first.
[[nodiscard]] inline Duration nearer(Limits limits) noexcept {
  if (limits.soft.count() == 0) return limits.hard;
  return limits.hard.count() == 0 || limits.soft < limits.hard ? limits.soft : limits.hard;
}

/// When `time` has passed; TimePoint::max(), which is never, if the clock does not count so far.
[[nodiscard]] inline TimePoint after(TimePoint begin, Duration time) noexcept {
  return time > TimePoint::max() - begin ? TimePoint::max() : begin + time;
}

/// A number of units, each of which settles once: by accept() or by fail(). A unit is one item, or a chunk of
/// items, and travels as one message or, with others, in a pack. All members are called with the Dispatcher's
/// lock held, unless said otherwise, and none calls code of the user's. Without memory nothing of a job is
/// lost but what somebody would be told on the way.
class Submission : public Waitable {
 public:
  Submission(const Submission&) = delete;
  Submission& operator=(const Submission&) = delete;

  /// Any thread.
  void retain() const noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() const noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  /// Of the first unit; the others follow it. Any thread, once submitted.
  [[nodiscard]] JobId first_id() const noexcept { return first_id_; }
  [[nodiscard]] std::uint32_t units() const noexcept { return units_; }

  /// Fills in everything but the id, for the unit and, as a pack, for up to `most` that begin with it: as
  /// many as Message::count says. The spans live until the last of these settles.
  virtual void describe(std::uint32_t unit, std::uint32_t most, Message& message) const = 0;
  /// The unit has settled already, so it need not be sent.
  [[nodiscard]] virtual bool settled(std::uint32_t unit) const noexcept = 0;
  [[nodiscard]] virtual Limits limits() const noexcept = 0;
  /// How long to wait for the end of a worker that is being killed.
  [[nodiscard]] virtual Duration lost_worker_timeout() const noexcept = 0;
  /// A limit of the unit has passed while it ran. The hard one is told when the kill is under way.
  virtual void limit_passed(std::uint32_t unit, bool soft) noexcept = 0;
  /// The worker began with the unit. Told only where Message::announce was set. Throws std::bad_alloc if the
  /// worker waits for a word that there is no memory to ask for.
  virtual void started(std::uint32_t unit, Pid pid, TimePoint when) = 0;
  /// The task reports how far it is; false if the bytes make no sense.
  [[nodiscard]] virtual bool progressed(std::uint32_t unit, std::span<const std::byte> bytes) = 0;
  /// Takes the worker's answer to the unit, or to Answer::count units that begin with it and of which none
  /// has settled; false if its bytes make no sense. Throws std::bad_alloc if there is none to keep them.
  /// In both cases none has settled then.
  [[nodiscard]] virtual bool accept(std::uint32_t unit, Answer&& answer, Pid pid) = 0;
  /// `pid` is the worker that had begun with the unit; 0 if none had.
  virtual void fail(std::uint32_t unit, const std::exception_ptr& error, Pid pid) noexcept = 0;
  /// Takes a reference, which may be the last one, off the Dispatcher: nothing of the user's may end here.
  virtual void let_go(Ref<Submission>&& self) noexcept { const Ref<Submission> ended = std::move(self); }
  /// Something else that becomes ready with this, or nullptr.
  [[nodiscard]] virtual Waitable* listener() const noexcept = 0;

 protected:
  explicit Submission(std::uint32_t units) noexcept : units_(units) {}
  virtual ~Submission() = default;

 private:
  friend class Dispatcher;
  mutable std::atomic<std::uint32_t> references_{1};
  std::uint32_t units_;
  JobId first_id_ = 0;
};

}  // namespace procpool::detail
