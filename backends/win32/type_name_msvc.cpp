// SPDX-License-Identifier: MIT
// Names of types as Microsoft's compiler and clang-cl give them: std::type_info::name() is for people there,
// "struct my::Error".
#include "serialization/type_name.hpp"

#include <string>
#include <string_view>
#include <typeinfo>

namespace procpool::detail {

std::string demangle(const char* name) {
  std::string_view text(name);
  for (const std::string_view keyword : {"struct ", "class ", "enum ", "union "}) {
    if (text.starts_with(keyword)) return std::string(text.substr(keyword.size()));
  }
  return std::string(text);
}

// There is no documented way to ask.
const std::type_info* current_exception_type() noexcept {
  return nullptr;
}

}  // namespace procpool::detail
