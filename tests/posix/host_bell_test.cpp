// SPDX-License-Identifier: MIT
// The host's bell, of which each worker has the ringing end.
#include "posix/host_bell.hpp"

#include <chrono>
#include <cstdint>
#include <memory>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

namespace procpool::testing {
namespace {

using namespace std::chrono_literals;

constexpr Duration patience = 10s;

/// As a hostile worker may, who shares the open file with the host.
void fill_and_let_block(int ringing_end) {
  ::fcntl(ringing_end, F_SETFL, 0);
  constexpr std::uint64_t most = UINT64_MAX - 1;
  pollfd polled{ringing_end, POLLOUT, 0};
  while (::poll(&polled, 1, 0) > 0) ASSERT_GT(::write(ringing_end, &most, sizeof most), 0);
}

TEST(HostBell, IsHeardOnceForAnyNumberOfRings) {
  const auto bell = posix::make_host_bell();
  EXPECT_FALSE(bell->wait(0s));
  for (int i = 0; i < 3; ++i) bell->ring();
  posix::ring_bell(bell->ringing_end());
  EXPECT_TRUE(bell->wait(patience));
  EXPECT_FALSE(bell->wait(0s));
}

TEST(HostBell, IsRungWithoutAWaitWhateverAWorkerDidToItsEnd) {
  const auto bell = posix::make_host_bell();
  fill_and_let_block(bell->ringing_end());
  bell->ring();
  EXPECT_TRUE(bell->wait(patience));
  // Where the rings are bytes of a pipe, one wait does not read them all.
  for (int i = 0; i < 1000 && bell->wait(0s); ++i) {
  }
  EXPECT_FALSE(bell->wait(0s));
  bell->ring();
  EXPECT_TRUE(bell->wait(patience));
}

}  // namespace
}  // namespace procpool::testing
