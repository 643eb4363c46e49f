// SPDX-License-Identifier: MIT
/// \file
/// Mailbox: what callbacks were told, in order, for a test that waits for it.
#pragma once

#include "conformance/pool_test.hpp"

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

namespace procpool::testing {

/// Any thread may put and look. Declared before the pool whose callbacks fill it, so that it outlives them:
/// who has seen a value may be ahead of the callback that is still about to unlock. A mutex of MinGW's has
/// memory of its own, which its destructor gives back, so a callback that is late with one writes into what
/// is another's.
template <class T>
class Mailbox {
 public:
  void put(T value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    filled_.notify_all();
  }
  /// The first `count` values, once they are there. Throws if they do not come.
  std::vector<T> first(std::size_t count) {
    std::unique_lock lock(mutex_);
    if (!filled_.wait_for(lock, patience, [&] { return values_.size() >= count; })) {
      throw std::logic_error("the callback was not called often enough");
    }
    return {values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(count)};
  }
  std::vector<T> all() {
    const std::lock_guard lock(mutex_);
    return values_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable filled_;
  std::vector<T> values_;
};

}  // namespace procpool::testing
