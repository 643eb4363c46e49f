// SPDX-License-Identifier: MIT
#include "crash/symbols.hpp"

#include "serialization/type_name.hpp"

namespace procpool::detail {

std::string function_name(const std::string& symbol, bool trusted) {
  // At worst 20 KB become of it (measured with functions that take each other, by substitutions S_).
  constexpr std::size_t longest_untrusted = 96;
  return trusted || symbol.size() <= longest_untrusted ? demangle(symbol.c_str()) : symbol;
}

}  // namespace procpool::detail
