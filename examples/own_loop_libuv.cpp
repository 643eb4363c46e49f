// SPDX-License-Identifier: MIT
// A pool without threads of its own, in a program that lives on a libuv loop: the pool is one more uv_poll_t
// beside the program's own timer, and every callback runs on the loop's thread.
#include <procpool/procpool.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <tuple>

#include <uv.h>

using namespace std::chrono_literals;

namespace {

int square(int x) {
  return x * x;
}
int hang() {
  for (;;) std::this_thread::sleep_for(1h);
}

/// What the program does beside its pool, and the pool, on one loop.
class Program {
 public:
  explicit Program(uv_loop_t& loop) : pool_({.processes = 2, .threads = false}) {
    uv_poll_init(&loop, &pool_events_, static_cast<int>(pool_.event_handle()));
    pool_events_.data = this;
    uv_poll_start(&pool_events_, UV_READABLE,
                  [](uv_poll_t* handle, int, int) { of(handle).pool_.handle_result_event(); });
    uv_timer_init(&loop, &clock_);
    clock_.data = this;
    uv_timer_start(
        &clock_, [](uv_timer_t* handle) { ++of(handle).ticks_; }, 1, 1);
    submit();
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void tell() const {
    std::printf("the squares from 1 to 100 make %d\n", sum_);
    std::printf("%s\n", verdict_.c_str());
    std::printf("the program's own timer %s\n", ticks_ > 10 ? "ran meanwhile" : "was held up");
    std::printf("all on one thread: %s\n", one_thread_ ? "yes" : "no");
  }

 private:
  template <class Handle>
  static Program& of(Handle* handle) {
    return *static_cast<Program*>(handle->data);
  }

  void submit() {
    for (int i = 1; i <= 100; ++i, ++open_) {
      pool_.apply_async(square, std::tuple{i}, {.callback = [this](const int& value) {
                          sum_ += value;
                          ended();
                        }});
    }
    ++open_;
    pool_.apply_async(hang, std::tuple{},
                      {.error_callback =
                           [this](const std::exception_ptr& error) {
                             try {
                               std::rethrow_exception(error);
                             } catch (const procpool::TimeLimitExceeded&) {
                               verdict_ = "the job that hangs was killed at its time limit";
                             } catch (const std::exception& other) {
                               verdict_ = other.what();
                             }
                             ended();
                           },
                       .timeout = 2s});
  }

  /// On the last one, the program lets go of the loop, which then ends by itself.
  void ended() {
    one_thread_ = one_thread_ && std::this_thread::get_id() == thread_;
    if (--open_ != 0) return;
    uv_close(reinterpret_cast<uv_handle_t*>(&clock_), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&pool_events_), nullptr);
  }

  procpool::Pool pool_;
  uv_poll_t pool_events_{};
  uv_timer_t clock_{};
  const std::thread::id thread_ = std::this_thread::get_id();
  int open_ = 0;
  int sum_ = 0;
  int ticks_ = 0;
  bool one_thread_ = true;
  std::string verdict_;
};

}  // namespace

int main(int argc, char** argv) {
  procpool::init(argc, argv);
  uv_loop_t loop;
  if (uv_loop_init(&loop) != 0) return 1;
  {
    Program program(loop);
    uv_run(&loop, UV_RUN_DEFAULT);
    program.tell();
  }
  std::printf("the loop is %s\n", uv_loop_close(&loop) == 0 ? "closed" : "in use");
}
