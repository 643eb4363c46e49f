// SPDX-License-Identifier: MIT
// Names of types as Microsoft's compiler and clang-cl give them: std::type_info::name() is for people there,
// "struct my::Error".
#include "serialization/type_name.hpp"

#include <string>
#include <string_view>
#include <typeinfo>

namespace procpool::detail {

namespace {

/// Words that other compilers do not write: "class my::Box<struct my::Part>", "int __cdecl(int)".
constexpr std::string_view superfluous[] = {"struct ", "class ", "enum ", "union ", "__cdecl", " __ptr64"};

bool begins_a_word(std::string_view text, std::size_t at) {
  return at == 0 || std::string_view("<,( ").find(text[at - 1]) != std::string_view::npos;
}

}  // namespace

std::string demangle(const char* name) {
  std::string text(name);
  for (const std::string_view word : superfluous) {
    const bool own_word = word.front() != ' ';
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at)) {
      if (!own_word || begins_a_word(text, at)) {
        text.erase(at, word.size());
      } else {
        at += word.size();
      }
    }
  }
  return text;
}

// There is no documented way to ask. Who wants to know has to try the types that it knows.
const std::type_info* current_exception_type() noexcept {
  return nullptr;
}

}  // namespace procpool::detail
