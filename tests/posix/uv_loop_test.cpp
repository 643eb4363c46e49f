// SPDX-License-Identifier: MIT
#include "loop/uv_loop.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace procpool::detail {
namespace {

using std::chrono::milliseconds;

constexpr auto patience = std::chrono::seconds(20);

/// A connected pair of sockets.
class Sockets {
 public:
  Sockets() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds_), 0); }
  ~Sockets() {
    close_far();
    ::close(fds_[0]);
  }
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;

  [[nodiscard]] int near() const { return fds_[0]; }
  void write_far() const { EXPECT_EQ(::write(fds_[1], "x", 1), 1); }
  void close_far() {
    if (fds_[1] >= 0) ::close(fds_[1]);
    fds_[1] = -1;
  }

 private:
  int fds_[2] = {-1, -1};
};

template <class Condition>
bool serve_until(UvLoop& loop, Condition condition) {
  const auto deadline = Clock::now() + patience;
  while (!condition()) {
    if (Clock::now() > deadline) return false;
    loop.run_once(milliseconds(50));
  }
  return true;
}

TEST(UvLoopTest, TellsThatADescriptorIsReadable) {
  Sockets sockets;
  UvLoop loop;
  int calls = 0;
  const auto watch = loop.watch(sockets.near(), [&] {
    char byte;
    EXPECT_EQ(::read(sockets.near(), &byte, 1), 1);
    ++calls;
  });
  loop.run_once();
  EXPECT_EQ(calls, 0);
  sockets.write_far();
  EXPECT_TRUE(serve_until(loop, [&] { return calls == 1; }));
  loop.run_once();
  EXPECT_EQ(calls, 1);
}

TEST(UvLoopTest, TellsTheEndOfAPeer) {
  Sockets sockets;
  UvLoop loop;
  int calls = 0;
  std::unique_ptr<EventLoop::Watch> watch;
  watch = loop.watch(sockets.near(), [&] {
    ++calls;
    watch.reset();  // within its own callback
  });
  sockets.close_far();
  EXPECT_TRUE(serve_until(loop, [&] { return calls == 1; }));
  loop.run_once(milliseconds(2));
  EXPECT_EQ(calls, 1);
}

TEST(UvLoopTest, TellsAConnectionResetOnceAndIsIdleThen) {
  Sockets sockets;
  ASSERT_EQ(::write(sockets.near(), "x", 1), 1);  // what the peer has not read makes its close a reset
  UvLoop loop;
  int calls = 0;
  const auto watch = loop.watch(sockets.near(), [&] { ++calls; });
  sockets.close_far();
  EXPECT_TRUE(serve_until(loop, [&] { return calls == 1; }));
  for (int i = 0; i < 5; ++i) loop.run_once(milliseconds(1));
  EXPECT_EQ(calls, 1);
}

TEST(UvLoopTest, AWatchThatIsGoneTellsNothing) {
  Sockets sockets;
  UvLoop loop;
  auto watch = loop.watch(sockets.near(), [] { ADD_FAILURE(); });
  sockets.write_far();
  watch.reset();
  loop.run_once(milliseconds(2));
  // The same descriptor can be watched anew at once.
  int calls = 0;
  watch = loop.watch(sockets.near(), [&] { ++calls; });
  EXPECT_TRUE(serve_until(loop, [&] { return calls > 0; }));
}

TEST(UvLoopTest, AWatchMayOutliveItsLoop) {
  Sockets sockets;
  std::unique_ptr<EventLoop::Watch> watch;
  {
    UvLoop loop;
    watch = loop.watch(sockets.near(), [] { ADD_FAILURE(); });
    sockets.write_far();
  }
  watch.reset();
}

TEST(UvLoopTest, CallsWhatOtherThreadsPostInTheirOrder) {
  UvLoop loop;
  std::vector<int> order;
  std::thread poster([&] {
    for (int i = 0; i < 1000; ++i) loop.post([&order, i] { order.push_back(i); });
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  poster.join();
  ASSERT_EQ(order.size(), 1000U);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(UvLoopTest, AnActionMayPostAnother) {
  UvLoop loop;
  int calls = 0;
  loop.post([&] {
    ++calls;
    loop.post([&] { ++calls; });
  });
  EXPECT_TRUE(serve_until(loop, [&] { return calls == 2; }));
}

TEST(UvLoopTest, DropsWhatWasPostedTooLate) {
  auto token = std::make_shared<int>(0);
  {
    UvLoop loop;
    loop.post([token] { ADD_FAILURE(); });
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST(UvLoopTest, StopsWhenAnotherThreadSaysSoAndEvenBeforeItRuns) {
  UvLoop loop;
  loop.stop();
  loop.run();
  std::thread stopper([&] { loop.stop(); });
  loop.run();
  stopper.join();
}

TEST(UvLoopTest, TheTimerFiresOnceAndNeverEarly) {
  UvLoop loop;
  int calls = 0;
  TimePoint fired;
  loop.on_timer([&] {
    ++calls;
    fired = Clock::now();
  });
  for (const auto wait : {std::chrono::microseconds(0), std::chrono::microseconds(300),
                          std::chrono::microseconds(1700), std::chrono::microseconds(12345)}) {
    calls = 0;
    const TimePoint due = Clock::now() + wait;
    loop.set_timer(due);
    EXPECT_TRUE(serve_until(loop, [&] { return calls > 0; }));
    EXPECT_GE(fired, due);
    loop.run_once(milliseconds(2));
    EXPECT_EQ(calls, 1);
  }
}

TEST(UvLoopTest, TheTimerCanBeMovedBothWaysAndCleared) {
  UvLoop loop;
  int calls = 0;
  loop.on_timer([&] { ++calls; });
  loop.set_timer(Clock::now() + std::chrono::hours(1));
  loop.set_timer(Clock::now() + milliseconds(1));  // earlier
  EXPECT_TRUE(serve_until(loop, [&] { return calls == 1; }));

  const TimePoint later = Clock::now() + milliseconds(20);
  loop.set_timer(Clock::now() + milliseconds(1));
  loop.set_timer(later);
  EXPECT_TRUE(serve_until(loop, [&] { return calls == 2; }));
  EXPECT_GE(Clock::now(), later);

  loop.set_timer(Clock::now() + milliseconds(1));
  loop.set_timer(std::nullopt);
  const TimePoint end = Clock::now() + milliseconds(10);
  while (Clock::now() < end) loop.run_once(milliseconds(5));
  EXPECT_EQ(calls, 2);
}

TEST(UvLoopTest, ATimerInThePastFiresAtOnce) {
  UvLoop loop;
  int calls = 0;
  loop.on_timer([&] { ++calls; });
  loop.set_timer(TimePoint());
  EXPECT_TRUE(serve_until(loop, [&] { return calls == 1; }));
}

TEST(UvLoopTest, TheTimerMayBeSetByItsOwnCallback) {
  UvLoop loop;
  int calls = 0;
  loop.on_timer([&] {
    if (++calls < 5) loop.set_timer(Clock::now() + std::chrono::microseconds(200));
  });
  loop.set_timer(Clock::now());
  EXPECT_TRUE(serve_until(loop, [&] { return calls == 5; }));
}

TEST(UvLoopTest, RunOnceWaitsNoLongerThanItIsTold) {
  UvLoop loop;
  const TimePoint start = Clock::now();
  loop.run_once(milliseconds(5));
  EXPECT_GE(Clock::now() - start, milliseconds(4));  // libuv counts whole milliseconds from the last one
  EXPECT_LT(Clock::now() - start, patience);
}

TEST(UvLoopTest, AHostCanWaitOnThePollHandle) {
  Sockets sockets;
  UvLoop loop;
  if (loop.poll_handle() < 0) GTEST_SKIP() << "libuv has no such descriptor on this system";
  int read = 0;
  int posted = 0;
  int timed = 0;
  const auto watch = loop.watch(sockets.near(), [&] {
    char byte;
    EXPECT_EQ(::read(sockets.near(), &byte, 1), 1);
    ++read;
  });
  loop.on_timer([&] { ++timed; });
  const auto wait_as_a_host = [&] {
    const auto timeout = loop.next_timeout();
    pollfd polled{static_cast<int>(loop.poll_handle()), POLLIN, 0};
    ::poll(&polled, 1,
           timeout ? static_cast<int>(std::chrono::ceil<milliseconds>(*timeout).count()) : 20'000);
    loop.run_once();
  };
  loop.run_once();  // the kernel hears of the watches
  sockets.write_far();
  wait_as_a_host();
  EXPECT_EQ(read, 1);
  std::thread([&] { loop.post([&] { ++posted; }); }).join();
  wait_as_a_host();
  EXPECT_EQ(posted, 1);
  loop.set_timer(Clock::now() + milliseconds(3));
  while (timed == 0) wait_as_a_host();
  EXPECT_EQ(timed, 1);
}

}  // namespace
}  // namespace procpool::detail
