// SPDX-License-Identifier: MIT
// A pool without threads of its own, in a program that has a poll() loop already: one thread serves the
// workers, a pipe that stands for the program's other work, and calls every callback.
#include <procpool/procpool.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <system_error>
#include <tuple>

#include <poll.h>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

int square(int x) {
  return x * x;
}
int crash() {
  std::abort();
}
void sleep_too_long() {
  procpool::this_task::sleep_for(1h);
}

/// A pipe, for what else the loop has to do.
class Pipe {
 public:
  Pipe() {
    if (::pipe(ends_.data()) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  }
  ~Pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  [[nodiscard]] int readable_end() const { return ends_[0]; }
  void put(char c) const {
    if (::write(ends_[1], &c, 1) != 1) throw std::system_error(errno, std::generic_category(), "write");
  }
  [[nodiscard]] char take() const {
    char c = 0;
    if (::read(ends_[0], &c, 1) != 1) throw std::system_error(errno, std::generic_category(), "read");
    return c;
  }

 private:
  std::array<int, 2> ends_{};
};

}  // namespace

int main(int argc, char** argv) {
  procpool::init(argc, argv);
  procpool::Pool pool({.processes = 2, .threads = false});
  const Pipe other_work;

  int open = 0;
  int sum = 0;
  const auto failed = [&open](const char* what, const std::exception_ptr& error) {
    --open;
    try {
      std::rethrow_exception(error);
    } catch (const procpool::WorkerLostError& lost) {
      std::printf("%s: worker lost (%s)\n", what, lost.exit_status().to_string().c_str());
    } catch (const procpool::SoftTimeLimitExceeded&) {
      std::printf("%s: stopped at its soft time limit\n", what);
    } catch (const std::exception& other) {
      std::printf("%s: %s\n", what, other.what());
    }
  };

  for (int i = 1; i <= 100; ++i, ++open) {
    pool.apply_async(square, std::tuple{i}, {.callback = [&](const int& value) {
                       sum += value;
                       if (--open == 0) other_work.put('!');
                     }});
  }

  // The loop. Nothing here waits but poll().
  bool stop = false;
  while (!stop) {
    std::array<pollfd, 2> watched{pollfd{static_cast<int>(pool.event_handle()), POLLIN, 0},
                                  pollfd{other_work.readable_end(), POLLIN, 0}};
    if (::poll(watched.data(), watched.size(), -1) < 0) {
      if (errno == EINTR) continue;
      std::perror("poll");
      return 1;
    }
    if (watched[0].revents != 0) pool.handle_result_event();
    if (watched[1].revents != 0) {
      if (other_work.take() == '!') {
        std::printf("the squares from 1 to 100 make %d\n", sum);
        open = 2;
        pool.apply_async(crash, std::tuple{}, {.error_callback = [&](const std::exception_ptr& error) {
                           failed("crash", error);
                           pool.apply_async(sleep_too_long, std::tuple{},
                                            {.error_callback =
                                                 [&](const std::exception_ptr& late) {
                                                   failed("sleep", late);
                                                   other_work.put('.');
                                                 },
                                             .soft_timeout = 100ms});
                         }});
      } else {
        stop = true;
      }
    }
  }

  pool.close();
  pool.join();
  std::printf("done, with %zu workers\n", pool.size());
}
