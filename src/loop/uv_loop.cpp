// SPDX-License-Identifier: MIT
#include "loop/uv_loop.hpp"

#include "loop/standard_descriptors.hpp"
#include "loop/uv_error.hpp"

#include <procpool/errors.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>
#include <system_error>
#include <utility>

namespace procpool::detail {

namespace {

void check(int status, const char* what) {
  if (status < 0) throw SpawnError(std::string("procpool: ") + what, uv_error(status));
}

/// libuv before 1.51 keeps the descriptor that it polls with when uv_loop_init fails (its pull request 4757).
void close_what_failed_init_keeps(const uv_loop_t& loop) {
  constexpr unsigned repaired = 1U << 16U | 51U << 8U;
  const int descriptor = uv_backend_fd(&loop);
  if (uv_version() >= repaired || descriptor < 0) return;
  uv_fs_t request;
  uv_fs_close(nullptr, &request, descriptor, nullptr);
  uv_fs_req_cleanup(&request);
}

/// libuv's own code must not be unwound.
template <class F>
void call(F&& callback) {
  try {
    callback();
  } catch (const std::bad_alloc&) {
  }
}

std::uint64_t to_milliseconds_up(Duration duration) {
  return static_cast<std::uint64_t>(
      std::max(std::chrono::ceil<std::chrono::milliseconds>(duration), std::chrono::milliseconds(0)).count());
}

}  // namespace

/// Shared by the Watch and, until libuv has closed it, by the handle. In the loop's list while it is open.
struct UvLoop::WatchState : std::enable_shared_from_this<WatchState> {
  uv_poll_t handle{};
  std::function<void()> on_readable;
  std::shared_ptr<WatchState> kept_by_handle;
  UvLoop* loop = nullptr;
  WatchState* next = nullptr;
  WatchState** link = nullptr;

  void enlist(UvLoop& owner) noexcept {
    loop = &owner;
    link = &owner.watches_;
    next = owner.watches_;
    if (next != nullptr) next->link = &next;
    owner.watches_ = this;
  }

  void close() noexcept {
    if (loop == nullptr) return;
    *link = next;
    if (next != nullptr) next->link = link;
    loop = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&handle), [](uv_handle_t* closed) {
      // The last owner may be this very object: let go of it outside of it.
      const auto last = std::move(static_cast<WatchState*>(closed->data)->kept_by_handle);
    });
  }
};

class UvLoop::UvWatch final : public EventLoop::Watch {
 public:
  explicit UvWatch(std::shared_ptr<WatchState> state) : state_(std::move(state)) {}
  ~UvWatch() override { state_->close(); }
  UvWatch(const UvWatch&) = delete;
  UvWatch& operator=(const UvWatch&) = delete;

 private:
  std::shared_ptr<WatchState> state_;
};

UvLoop::UvLoop() {
  const StandardDescriptorsTaken taken;  // what libuv opens, it opens here
  int status = uv_loop_init(&loop_);
  if (status < 0) {
    close_what_failed_init_keeps(loop_);
    check(status, "uv_loop_init");
  }
  status = uv_async_init(&loop_, &wake_,
                         [](uv_async_t* handle) { static_cast<UvLoop*>(handle->data)->serve_posted(); });
  if (status < 0) {
    uv_loop_close(&loop_);
    check(status, "uv_async_init");
  }
  wake_.data = this;
  uv_timer_init(&loop_, &timer_);  // these two cannot fail
  timer_.data = this;
  uv_timer_init(&loop_, &limit_);
  limit_.data = this;

  try {
    signal_ = make_loop_signal();
    precise_ = make_precise_timer(*this, [this] { serve_timer(); });
  } catch (...) {
    close_all();
    throw;
  }
}

UvLoop::~UvLoop() {
  close_all();
}

void UvLoop::close_all() noexcept {
  precise_.reset();
  while (watches_ != nullptr) watches_->close();
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&limit_), nullptr);
  // A backend that used native() may have left handles, which would keep the loop from closing.
  uv_walk(
      &loop_,
      [](uv_handle_t* handle, void*) {
        if (uv_is_closing(handle) == 0) uv_close(handle, nullptr);
      },
      nullptr);
  while (uv_loop_close(&loop_) == UV_EBUSY) uv_run(&loop_, UV_RUN_NOWAIT);
}

std::unique_ptr<EventLoop::Watch> UvLoop::watch(NativeHandle descriptor, std::function<void()> on_readable) {
  auto state = std::make_shared<WatchState>();
  state->on_readable = std::move(on_readable);
  auto watch = std::make_unique<UvWatch>(state);
  // A socket on Windows, a descriptor elsewhere: uv_os_sock_t covers both, and uv_poll_init_socket is
  // uv_poll_init on POSIX.
  check(uv_poll_init_socket(&loop_, &state->handle, static_cast<uv_os_sock_t>(descriptor)), "uv_poll_init");
  state->handle.data = state.get();
  state->kept_by_handle = state;
  state->enlist(*this);
  check(uv_poll_start(&state->handle, UV_READABLE, &UvLoop::on_poll), "uv_poll_start");
  return watch;
}

void UvLoop::on_poll(uv_poll_t* handle, int /*status*/, int /*events*/) {
  // With an error (ECONNRESET on a socket whose peer died with unread bytes), libuv has stopped the handle
  // and tells it once; so do we. Who listens finds the error when it reads.
  const auto state = static_cast<WatchState*>(handle->data)->shared_from_this();
  call(state->on_readable);
}

void UvLoop::post(std::function<void()> action) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(action));
  }
  ring();
}

void UvLoop::wake() noexcept {
  woken_.store(true, std::memory_order_release);
  ring();
}

void UvLoop::ring() noexcept {
  uv_async_send(&wake_);
  if (signal_) signal_->set();
}

void UvLoop::serve_posted() {
  {
    const std::lock_guard lock(mutex_);
    serving_.swap(posted_);
  }
  // After that, so that who wakes and then posts is heard in this order.
  if (woken_.exchange(false, std::memory_order_acq_rel)) call(on_wake_);
  for (auto& action : serving_) call(action);
  serving_.clear();
}

void UvLoop::set_timer(std::optional<TimePoint> due) {
  due_ = due;
  if (due && (!armed_ || *due < *armed_)) arm(*due);
}

void UvLoop::arm(TimePoint due) {
  armed_ = due;
  if (precise_) {
    precise_->set(due);
    return;
  }
  uv_update_time(&loop_);
  uv_timer_start(
      &timer_, [](uv_timer_t* handle) { static_cast<UvLoop*>(handle->data)->serve_timer(); },
      to_milliseconds_up(due - Clock::now()), 0);
}

void UvLoop::serve_timer() {
  armed_.reset();
  if (!due_) return;
  if (Clock::now() < *due_) {
    arm(*due_);
    return;
  }
  due_.reset();
  if (on_timer_) call(on_timer_);
}

void UvLoop::run() {
  while (!stop_.exchange(false, std::memory_order_acq_rel)) uv_run(&loop_, UV_RUN_ONCE);
}

void UvLoop::stop() noexcept {
  stop_.store(true, std::memory_order_release);
  ring();
}

void UvLoop::run_once(std::optional<Duration> timeout) {
  // Before it looks: what is posted meanwhile signals again.
  if (signal_) signal_->clear();
  if (!timeout || *timeout <= Duration::zero()) {
    uv_run(&loop_, UV_RUN_NOWAIT);
    return;
  }
  uv_update_time(&loop_);
  uv_timer_start(
      &limit_, [](uv_timer_t*) {}, to_milliseconds_up(*timeout), 0);
  uv_run(&loop_, UV_RUN_ONCE);
  uv_timer_stop(&limit_);
}

NativeHandle UvLoop::poll_handle() const noexcept {
  return signal_ ? signal_->handle() : static_cast<NativeHandle>(uv_backend_fd(&loop_));
}

std::optional<Duration> UvLoop::next_timeout() const noexcept {
  const int milliseconds = uv_backend_timeout(&loop_);
  if (milliseconds < 0) return std::nullopt;
  return std::chrono::milliseconds(milliseconds);
}

}  // namespace procpool::detail
