// SPDX-License-Identifier: MIT
// Names of types by the Itanium C++ ABI, which all compilers for POSIX systems follow.
#include "serialization/type_name.hpp"

#include <cstdlib>
#include <memory>
#include <string>
#include <typeinfo>

#include <cxxabi.h>

namespace procpool::detail {

std::string demangle(const char* name) {
  struct Free {
    void operator()(char* text) const noexcept { std::free(text); }
  };
  int status = 0;
  const std::unique_ptr<char, Free> text(abi::__cxa_demangle(name, nullptr, nullptr, &status));
  return status == 0 ? text.get() : name;
}

const std::type_info* current_exception_type() noexcept {
  return abi::__cxa_current_exception_type();
}

}  // namespace procpool::detail
