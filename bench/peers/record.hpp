// SPDX-License-Identifier: MIT
/// \file
/// What travels between a peer that is written in C++ and its workers.
#pragma once

#include "peers/measuring.hpp"

#include <chrono>
#include <cstdint>
#include <thread>

#include <unistd.h>

namespace peers {

enum class What : std::uint32_t { add_one, nap, spin, tell_pid, end };

/// A task, and its answer.
struct Record {
  What what = What::add_one;
  std::uint32_t id = 0;
  std::int64_t value = 0;  ///< of `nap` and `spin`: ns
};
static_assert(sizeof(Record) == 16);

/// In the worker.
inline void execute(Record& record) {
  switch (record.what) {
    case What::nap:
      std::this_thread::sleep_for(std::chrono::nanoseconds(record.value));
      break;
    case What::spin: {
      const auto end = Clock::now() + std::chrono::nanoseconds(record.value);
      while (Clock::now() < end) {
      }
      record.value = record.id;
      break;
    }
    case What::tell_pid:  // not at once, so that others get some of these as well
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      record.value = ::getpid();
      return;
    case What::add_one:
    case What::end:
      break;
  }
  ++record.value;
}

}  // namespace peers
