// expect success
// SPDX-License-Identifier: MIT
#include <procpool/exception.hpp>
#include <procpool/task.hpp>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct Order {
  int id = 0;
  std::map<std::string, std::vector<std::unique_ptr<Order>>> parts;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(id, parts);
  }
};
Order parse(std::string_view text, const std::vector<Order>& known);

using Result = procpool::detail::TaskResult<decltype(parse), const char*, std::vector<Order>&>;
static_assert(std::is_same_v<Result, Order>);

procpool::BoundTask bound(const std::vector<Order>& known) {
  constexpr int level = 3;
  static_cast<void>(procpool::task([&] { return level; }));
  return procpool::task(parse, "text", known);
}
