// SPDX-License-Identifier: MIT
/// \file
/// TaskNames: tasks as people know them.
#pragma once

#include "trace/trace_sink.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace procpool::detail {

/// Numbers tasks as they come, and finds their names when they are asked for: the name that a named task
/// has, the function's where the program's symbols tell, else none. Bounded: when it is full, tasks have no
/// names. Any thread.
class TaskNames {
 public:
  static constexpr std::size_t most_tasks = 1000;

  /// Short: looks nothing up. `ref` and `prefix` are those of a Message.
  [[nodiscard]] TraceTask number(std::uint64_t ref, std::span<const std::byte> prefix) noexcept;
  /// Milliseconds, the first time for each task. Empty if there is none. Valid as long as this object.
  [[nodiscard]] std::string_view name(TraceTask task);

 private:
  /// A task's code, and the function that it was made with, if that can be (8 bytes of prefix).
  using Key = std::pair<std::uint64_t, std::uint64_t>;
  struct Task {
    Key key;
    bool known = false;
    std::string name;
  };

  [[nodiscard]] TraceTask add(Task task);

  std::mutex mutex_;
  std::deque<Task> tasks_;  ///< the first is number 1; names stay where they are
  std::map<Key, TraceTask> by_key_;
  std::map<std::string, TraceTask, std::less<>> by_name_;
};

/// The function that `invoker`, the symbol of invoke_task<...> as the compiler writes it, calls: its type;
/// empty if that is no such symbol.
[[nodiscard]] std::string_view callable_of(std::string_view invoker) noexcept;

}  // namespace procpool::detail
