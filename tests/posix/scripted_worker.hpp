// SPDX-License-Identifier: MIT
/// \file
/// A run_worker() of the tests' own, so that backends can be tested without the channel: the host writes an
/// order into the shared memory, rings, and finds the answer there.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace procpool::testing {

enum class Order : std::uint32_t {
  none,
  add_one,          ///< answer: number + 1
  ring_leader,      ///< the leader's bell in place of the loop's
  leave,            ///< return `number` from run_worker()
  call_exit,        ///< std::exit(number)
  raise_signal,     ///< raise(number)
  loop_forever,     ///< answers first, then blocks all signals and computes
  pause_forever,    ///< answers first, then sleeps
  leave_child,      ///< answer: the pid of a forked child that sleeps, in the worker's group
  leave_session,    ///< the same, but in a session of its own
  count_fds,        ///< answer: how many descriptors from 3 on are open
  read_variable,    ///< text: the name in, its value out
  read_directory,   ///< text: the working directory
  read_stdin,       ///< answer: what read() returns
  check_signals,    ///< answer: 0, or the first signal that is blocked or has not the action it should
  allocate,         ///< answer: 1 if `number` bytes could be allocated and touched, 0 if not; they are kept
  sleep_for_nudge,  ///< answers at once; then, in `second`, the errno of a long sleep
  get_group,        ///< answer: the process group
  print,            ///< writes the text to stdout without flushing
};

/// At the beginning of the shared memory.
struct Board {
  std::atomic<Order> order;
  std::atomic<std::uint32_t> answered;  ///< how many orders are done
  std::int64_t number;
  std::int64_t answer;
  std::atomic<std::int64_t> second;
  std::array<char, 2048> text;
};

}  // namespace procpool::testing
