// SPDX-License-Identifier: MIT
/// \file
/// PoolTest: what a Pool promises, tested on each backend in turn.
#pragma once

#include "helpers/in_memory_backend.hpp"
#include "helpers/platform.hpp"
#include "helpers/tasks.hpp"

#include <procpool/procpool.hpp>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace procpool::testing {

/// Nothing in the tests takes this long unless it hangs.
inline constexpr std::chrono::seconds patience{30};

/// The parameter is the backend's name: "fork", "forkserver", "spawn" or "in_memory".
class PoolTest : public ::testing::TestWithParam<std::string> {
 public:
  /// Options for a pool on the backend under test.
  PoolOptions options(std::size_t processes = 2);
  Pool make_pool(std::size_t processes = 2) { return Pool(options(processes)); }

  [[nodiscard]] static bool in_memory() { return GetParam() == "in_memory"; }
  /// Why workers of the backend under test cannot be interrupted; empty if they can.
  [[nodiscard]] static std::string no_interruptions() {
    return GetParam() == "fork" ? no_signals_in_forks() : "";
  }
  /// Ends a worker of the pool that was made last, as somebody outside would.
  void kill_from_outside(Pid worker, int signum = sigkill) const;
  /// The same with SIGKILL; false if there is no such worker any more.
  bool try_to_kill(Pid worker) const;
  /// A killed worker may run on for some microseconds, and claim a job.
  [[nodiscard]] bool is_dead(Pid worker) const;

 private:
  std::shared_ptr<InMemoryBackend> in_memory_;
};

/// Runs `f` and returns a copy of the E that it throws. Fails the test if it throws anything else, or
/// nothing.
template <class E, class F>
E thrown_by(F&& f) {
  try {
    std::forward<F>(f)();
  } catch (const E& error) {
    return error;
  } catch (const std::exception& error) {
    throw std::logic_error(std::string("expected ") + typeid(E).name() + ", got " + typeid(error).name() +
                           ": " + error.what());
  }
  throw std::logic_error(std::string("expected ") + typeid(E).name() + ", and nothing was thrown");
}

/// Looks again and again until `condition` holds; false if it does not in a long time.
[[nodiscard]] bool becomes_true(const std::function<bool()>& condition);

/// Whether `attempt(limit)` comes true for some limit, the first of which is half a second: for what a task
/// has to do within a limit, for which a machine that stalls may not give it the time.
[[nodiscard]] bool comes_true_within_a_limit(const std::function<bool(std::chrono::milliseconds)>& attempt);

/// The pool has `count` workers again, each of which runs a task.
[[nodiscard]] bool is_whole(Pool& pool, std::size_t count);

/// process_backends(), and "in_memory".
[[nodiscard]] std::vector<std::string> all_backends();
std::string backend_name(const ::testing::TestParamInfo<std::string>& info);

}  // namespace procpool::testing

/// Instantiates a suite over all backends.
#define PROCPOOL_ON_ALL_BACKENDS(suite)                                                           \
  INSTANTIATE_TEST_SUITE_P(Pool, suite, ::testing::ValuesIn(::procpool::testing::all_backends()), \
                           ::procpool::testing::backend_name)
