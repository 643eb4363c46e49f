// SPDX-License-Identifier: MIT
/// \file
/// The registered types of exceptions: the standard ones, procpool's, and those of PROCPOOL_EXCEPTION. All
/// functions are safe from any thread, and take no lock that a fork could leave taken.
#pragma once

#include <procpool/exception.hpp>

#include <span>
#include <string_view>
#include <typeinfo>

namespace procpool::detail {

/// Those of PROCPOOL_EXCEPTION, linked by `next`; may be null.
[[nodiscard]] const ExceptionType* first_registered_exception() noexcept;
/// The standard ones and procpool's. Derived types come before their bases.
[[nodiscard]] std::span<const ExceptionType> known_exceptions() noexcept;

template <class Predicate>
[[nodiscard]] const ExceptionType* find_exception_type(const Predicate& predicate) requires
    requires(const ExceptionType& type) {
  bool{predicate(type)};
}
{
  for (const ExceptionType* type = first_registered_exception(); type != nullptr; type = type->next) {
    if (predicate(*type)) return type;
  }
  for (const ExceptionType& type : known_exceptions()) {
    if (predicate(type)) return &type;
  }
  return nullptr;
}

[[nodiscard]] inline const ExceptionType* find_exception_type(const std::type_info& wanted) {
  return find_exception_type([&](const ExceptionType& type) { return *type.type == wanted; });
}

/// By std::type_info::name().
[[nodiscard]] inline const ExceptionType* find_exception_type(std::string_view name) {
  return find_exception_type([&](const ExceptionType& type) { return type.type->name() == name; });
}

}  // namespace procpool::detail
