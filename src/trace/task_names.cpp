// SPDX-License-Identifier: MIT
#include "trace/task_names.hpp"

#include "crash/symbols.hpp"
#include "tasks/image_record.hpp"
#include "tasks/image_table.hpp"

#include <procpool/codec.hpp>
#include <procpool/detail/task_ref.hpp>

#include <array>
#include <cstring>
#include <string>
#include <tuple>
#include <utility>

namespace procpool::detail {
namespace {

/// From pairs of digits; empty if there is something else.
std::string from_hex(std::string_view digits) {
  constexpr std::string_view known = "0123456789abcdef";
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    const std::size_t high = known.find(digits[i]);
    const std::size_t low = known.find(digits[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return {};
    bytes += static_cast<char>(high << 4U | low);
  }
  return bytes;
}

/// As the symbols of its image have it; empty if they do not.
std::string symbol_of(TaskRef ref) {
  if (ref.image() >= image_count()) return {};
  const LoadedImage image = from_record(image_record(static_cast<std::size_t>(ref.image())));
  CrashRecord::Image wanted;
  wanted.path = image.path;
  wanted.build_id = from_hex(image.build_id);
  if (wanted.build_id.empty()) return {};
  const std::array offsets{ref.offset()};
  return find_symbols(wanted, offsets).front().name;
}

/// "ns::f" of "ns::f(int, char) [clone .isra.0]".
std::string without_parameters(std::string name) {
  const std::size_t close = name.rfind(')');
  if (close == std::string::npos) return name;
  std::size_t depth = 0;
  for (std::size_t i = close + 1; i-- != 0;) {
    if (name[i] == ')') ++depth;
    if (name[i] == '(' && --depth == 0) {
      if (i != 0) name.resize(i);
      break;
    }
  }
  return name;
}

std::string name_of(std::uint64_t code, std::uint64_t function) {
  const std::string invoker = symbol_of(TaskRef{code});
  const std::string_view callable = callable_of(invoker);
  const bool pointer = callable.find("(*)") != std::string_view::npos;
  if (!pointer) return std::string(callable);
  return function == 0 ? std::string() : without_parameters(symbol_of(TaskRef{function}));
}

}  // namespace

std::string_view callable_of(std::string_view invoker) noexcept {
  constexpr std::string_view opening = "invoke_task<";
  const std::size_t found = invoker.find(opening);
  if (found == std::string_view::npos) return {};
  invoker.remove_prefix(found + opening.size());
  // The second of the arguments, in which there may be commas as well.
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; i < invoker.size(); ++i) {
    const char c = invoker[i];
    if (c == '<' || c == '(' || c == '[' || c == '{') ++depth;
    if (c == '>' || c == ')' || c == ']' || c == '}') --depth;
    if (depth < 0) break;
    if (c != ',' || depth != 0) continue;
    if (begin != 0) return invoker.substr(begin, i - begin);
    begin = i + 1;
    if (begin < invoker.size() && invoker[begin] == ' ') ++begin;
  }
  return {};
}

TraceTask TaskNames::add(Task task) {
  tasks_.push_back(std::move(task));
  return static_cast<TraceTask>(tasks_.size());
}

TraceTask TaskNames::number(std::uint64_t ref, std::span<const std::byte> prefix) noexcept {
  try {
    const std::lock_guard guard(mutex_);
    const bool full = tasks_.size() >= most_tasks;
    if (TaskRef{ref}.image() == TaskRef::named_image) {
      auto name = std::get<0>(decode<std::tuple<std::string, std::string>>(prefix));
      if (const auto known = by_name_.find(name); known != by_name_.end()) return known->second;
      if (full) return 0;
      const TraceTask number = add({{}, true, name});
      by_name_.emplace(std::move(name), number);
      return number;
    }
    Key key{ref, 0};
    if (prefix.size() == sizeof key.second) std::memcpy(&key.second, prefix.data(), sizeof key.second);
    if (const auto known = by_key_.find(key); known != by_key_.end()) return known->second;
    if (full) return 0;
    const TraceTask number = add({key, false, {}});
    by_key_.emplace(key, number);
    return number;
  } catch (...) {
    return 0;  // without the memory it has no name
  }
}

std::string_view TaskNames::name(TraceTask task) {
  Key key;
  {
    const std::lock_guard guard(mutex_);
    if (task == 0 || task > tasks_.size()) return {};
    const Task& wanted = tasks_[task - 1];
    if (wanted.known) return wanted.name;
    key = wanted.key;
  }
  std::string found;
  try {
    found = name_of(key.first, key.second);
  } catch (...) {
    found.clear();  // an image that is not as expected
  }
  const std::lock_guard guard(mutex_);
  Task& wanted = tasks_[task - 1];
  wanted.known = true;
  wanted.name = std::move(found);
  return wanted.name;
}

}  // namespace procpool::detail
