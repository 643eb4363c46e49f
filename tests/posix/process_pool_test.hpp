// SPDX-License-Identifier: MIT
/// \file
/// ProcessPoolTest: tests of pools of real processes, on each way to make them.
#pragma once

#include <procpool/procpool.hpp>

#include <chrono>
#include <cstddef>
#include <string>

#include <gtest/gtest.h>

namespace procpool::testing {

/// Nothing in the tests takes this long unless it hangs.
inline constexpr std::chrono::seconds patience{30};

class ProcessPoolTest : public ::testing::TestWithParam<std::string> {
 public:
  [[nodiscard]] static Backend backend() {
    if (GetParam() == "fork") return Backend::fork;
    return GetParam() == "forkserver" ? Backend::forkserver : Backend::spawn;
  }
  [[nodiscard]] static PoolOptions options(std::size_t processes) {
    PoolOptions made;
    made.processes = processes;
    made.backend = backend();
    return made;
  }
};

}  // namespace procpool::testing

#define PROCPOOL_ON_PROCESS_BACKENDS(suite)                                               \
  INSTANTIATE_TEST_SUITE_P(Pool, suite, ::testing::Values("fork", "forkserver", "spawn"), \
                           [](const auto& instance) { return instance.param; })
