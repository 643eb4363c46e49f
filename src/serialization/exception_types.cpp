// SPDX-License-Identifier: MIT
#include "exception_types.hpp"

#include "tasks/loaded_images.hpp"

#include <procpool/errors.hpp>

#include <any>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <optional>
#include <regex>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <typeinfo>
#include <variant>

namespace procpool::detail {

namespace {

using Bytes = std::span<const std::byte>;

/// Of an error_code whose category this program does not know by name.
class ForeignCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "procpool.foreign"; }
  [[nodiscard]] std::string message(int value) const override {
    return "error " + std::to_string(value) + " of a category that only the worker knows";
  }
};

const std::error_category& category_named(const std::string& name) {
  static const ForeignCategory foreign;
  for (const std::error_category* known : {&std::generic_category(), &std::system_category(),
                                           &std::iostream_category(), &std::future_category()}) {
    if (name == known->name()) return *known;
  }
  return foreign;
}

/// An error_code as it travels.
using Code = std::tuple<int, std::string>;
Code to_code(const std::error_code& code) {
  return {code.value(), code.category().name()};
}
std::error_code from_code(const Code& code) {
  return {std::get<0>(code), category_named(std::get<1>(code))};
}

}  // namespace

/// For exceptions made of nothing else.
template <class E>
struct NoFields {
  static void save(ByteBuffer&, const E&) {}
  [[nodiscard]] static E make(const std::string&, Bytes) { return E(); }
};

template <class E>
struct CodeFields {
  static void save(ByteBuffer& out, const E& error) { encode(out, to_code(error.code())); }
  [[nodiscard]] static E make(const std::string& what, Bytes fields) {
    const std::error_code code = from_code(decode<Code>(fields));
    if constexpr (std::is_constructible_v<E, std::error_code, std::string>) {
      return E(code, what);
    } else {
      return E(what, code);
    }
  }
};

template <>
struct ExceptionFields<std::bad_variant_access> : NoFields<std::bad_variant_access> {};
template <>
struct ExceptionFields<std::system_error> : CodeFields<std::system_error> {};
template <>
struct ExceptionFields<std::ios_base::failure> : CodeFields<std::ios_base::failure> {};
template <>
struct ExceptionFields<SpawnError> : CodeFields<SpawnError> {};

template <>
struct ExceptionFields<std::filesystem::filesystem_error> {
  using E = std::filesystem::filesystem_error;
  using Fields = std::tuple<Code, std::filesystem::path, std::filesystem::path>;
  static void save(ByteBuffer& out, const E& error) {
    encode(out, Fields(to_code(error.code()), error.path1(), error.path2()));
  }
  [[nodiscard]] static E make(const std::string& what, Bytes bytes) {
    const auto [code, path1, path2] = decode<Fields>(bytes);
    return E(what, path1, path2, from_code(code));
  }
};

template <>
struct ExceptionFields<std::future_error> {
  static void save(ByteBuffer& out, const std::future_error& error) { encode(out, error.code().value()); }
  [[nodiscard]] static std::future_error make(const std::string&, Bytes fields) {
    return std::future_error(static_cast<std::future_errc>(decode<int>(fields)));
  }
};

template <>
struct ExceptionFields<std::regex_error> {
  static void save(ByteBuffer& out, const std::regex_error& error) {
    encode(out, static_cast<int>(error.code()));
  }
  [[nodiscard]] static std::regex_error make(const std::string&, Bytes fields) {
    namespace codes = std::regex_constants;
    const int wanted = decode<int>(fields);
    for (const codes::error_type code :
         {codes::error_collate, codes::error_ctype, codes::error_escape, codes::error_backref,
          codes::error_brack, codes::error_paren, codes::error_brace, codes::error_badbrace,
          codes::error_range, codes::error_space, codes::error_badrepeat, codes::error_complexity,
          codes::error_stack}) {
      if (static_cast<int>(code) == wanted) return std::regex_error(code);
    }
    throw SerializationError("a regex_error with code " + std::to_string(wanted));
  }
};

template <>
struct ExceptionFields<WorkerLostError> {
  /// pid, whether it is known how the worker ended, whether by a signal, the code or signal, reason.
  using Fields = std::tuple<int, bool, bool, std::int64_t, std::uint8_t>;
  static void save(ByteBuffer& out, const WorkerLostError& error) {
    const ExitStatus status = error.exit_status();
    encode(out, Fields(error.pid(), status.known(), status.signaled(),
                       status.signaled() ? status.signal() : status.code(),
                       static_cast<std::uint8_t>(error.reason())));
  }
  [[nodiscard]] static WorkerLostError make(const std::string& what, Bytes bytes) {
    const auto [pid, known, signaled, value, reason] = decode<Fields>(bytes);
    if (reason > static_cast<std::uint8_t>(WorkerLostError::Reason::unknown)) {
      throw SerializationError("a WorkerLostError with reason " + std::to_string(reason));
    }
    ExitStatus status;
    if (known) {
      status = signaled ? ExitStatus::from_signal(static_cast<int>(value)) : ExitStatus::from_code(value);
    }
    return WorkerLostError(what, pid, status, static_cast<WorkerLostError::Reason>(reason));
  }
};

template <>
struct ExceptionFields<Terminated> {
  static void save(ByteBuffer& out, const Terminated& error) { encode(out, error.signal()); }
  [[nodiscard]] static Terminated make(const std::string& what, Bytes fields) {
    return {what, decode<int>(fields)};
  }
};

template <>
struct ExceptionFields<RemoteError> {
  static void save(ByteBuffer& out, const RemoteError& error) { encode(out, error.type_name()); }
  [[nodiscard]] static RemoteError make(const std::string& what, Bytes fields) {
    return {what, decode<std::string>(fields)};
  }
};

namespace {

constinit std::atomic<ExceptionType*> first_registered{nullptr};

template <class... E>
std::span<const ExceptionType> table_of() noexcept {
  static constinit ExceptionType types[] = {
      {&typeid(E), &save_current_exception<E>, &make_exception<E>, &is_exception_base<E>}...};
  return types;
}

}  // namespace

std::span<const ExceptionType> known_exceptions() noexcept {
  return table_of<
      TimeoutError, TimeLimitExceeded, SoftTimeLimitExceeded, WorkerLostError, Terminated,
      RestartFreqExceeded, PoolClosedError, SerializationError, MemoryLimitExceeded, NotInitializedError,
      TaskNotFoundError, SpawnError, RemoteError, Error, std::filesystem::filesystem_error,
      std::ios_base::failure, std::system_error, std::regex_error, std::range_error, std::overflow_error,
      std::underflow_error, std::runtime_error, std::future_error, std::invalid_argument, std::domain_error,
      std::length_error, std::out_of_range, std::logic_error, std::bad_any_cast, std::bad_cast,
      std::bad_typeid, std::bad_array_new_length, std::bad_alloc, std::bad_exception, std::bad_weak_ptr,
      std::bad_function_call, std::bad_optional_access, std::bad_variant_access, std::exception>();
}

const ExceptionType* first_registered_exception() noexcept {
  return first_registered.load(std::memory_order_acquire);
}

void link_exception_type(ExceptionType& type) noexcept {
  if (type.linked.exchange(true)) return;
  const auto place = image_place(&type);
  if (place && !place->is_main) keep_image_loaded(&type);
  ExceptionType* head = first_registered.load(std::memory_order_relaxed);
  do {
    type.next = head;
  } while (!first_registered.compare_exchange_weak(head, &type, std::memory_order_release,
                                                   std::memory_order_relaxed));
}

}  // namespace procpool::detail
