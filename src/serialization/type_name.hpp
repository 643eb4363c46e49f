// SPDX-License-Identifier: MIT
/// \file
/// Names of types for people. A matter of the compiler, implemented in backends/.
#pragma once

#include <string>
#include <typeinfo>

namespace procpool::detail {

/// The type as it is written in source, from std::type_info::name(); the argument itself if it means nothing.
[[nodiscard]] std::string demangle(const char* name);

/// The type of the exception that is being handled; null if there is none, or it is a foreign one (not C++).
[[nodiscard]] const std::type_info* current_exception_type() noexcept;

}  // namespace procpool::detail
