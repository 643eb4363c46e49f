// SPDX-License-Identifier: MIT
// procpool's headers come after a <windows.h> that nobody has tamed, with all its macros. That this file
// compiles is the better part of the test.
#undef NOMINMAX
#undef WIN32_LEAN_AND_MEAN
#include <windows.h>

// What procpool includes of others: standard libraries differ in how they bear macros named min and max.
#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <bitset>
#include <chrono>
#include <compare>
#include <complex>
#include <concepts>
#include <condition_variable>
#include <coroutine>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <exception>
#include <forward_list>
#include <functional>
#include <future>
#include <iterator>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <queue>
#include <ranges>
#include <set>
#include <span>
#include <sstream>
#include <stack>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

// GCC's library takes them away.
#ifndef min
#define min(a, b) (((a) < (b)) ? (a) : (b))
#endif
#ifndef max
#define max(a, b) (((a) > (b)) ? (a) : (b))
#endif

#include <procpool/procpool.hpp>

namespace procpool::testing {
namespace {

std::vector<std::string> twice(std::vector<std::string> texts) {
  for (std::string& text : texts) text += text;
  return texts;
}

TEST(WindowsHeaders, DoTheirWorkBehindTheMacrosOfTheSystem) {
  Pool pool(1);
  const std::vector<std::string> texts = {"one", "two"};
  EXPECT_EQ(pool.apply(twice, texts), (std::vector<std::string>{"oneone", "twotwo"}));
  EXPECT_EQ(pool.map(twice, std::vector{texts, texts}).size(), 2U);
}

}  // namespace
}  // namespace procpool::testing
