// SPDX-License-Identifier: MIT
/// \file
/// What a task throws, thrown again in the caller.
///
/// Standard exceptions and procpool's own come back as their own type, with their data. So does a type that
/// is named once, in any source file of the program, at namespace scope:
///
///     struct ParseError : std::runtime_error {
///       ParseError(const std::string& what = "", int at = 0) : std::runtime_error(what), line(at) {}
///       int line;
///       template <class Archive> void serialize(Archive& archive) { archive(line); }
///     };
///     PROCPOOL_EXCEPTION(ParseError);
///
/// The type needs a cereal function for its fields and a constructor from nothing or from the text; without
/// fields a constructor from the text is enough. what() comes back as it was. Anything else arrives as
/// RemoteError. What is thrown is of a class derived from the original one, unless that is final: catch by
/// reference.
#pragma once

#include <procpool/byte_buffer.hpp>
#include <procpool/codec.hpp>
#include <procpool/errors.hpp>
#include <procpool/export.hpp>
#include <procpool/types.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace procpool {

/// Where an exception of a task came from.
struct RemoteInfo {
  Pid pid = 0;
  JobId job_id = 0;
};

/// The origin of an exception that came from a worker; nothing for any other, and for a final class. Any
/// thread.
[[nodiscard]] PROCPOOL_EXPORT std::optional<RemoteInfo> remote_info(const std::exception& error) noexcept;
[[nodiscard]] PROCPOOL_EXPORT std::optional<RemoteInfo> remote_info(const std::exception_ptr& error) noexcept;

namespace detail {

/// A base of everything that is thrown on behalf of a worker.
class PROCPOOL_EXPORT RemoteOrigin {
 public:
  explicit RemoteOrigin(RemoteInfo info) noexcept : info_(info) {}
  RemoteOrigin(const RemoteOrigin&) noexcept = default;
  RemoteOrigin& operator=(const RemoteOrigin&) noexcept = default;
  virtual ~RemoteOrigin();
  [[nodiscard]] RemoteInfo info() const noexcept { return info_; }
  /// The type that was thrown in the worker.
  [[nodiscard]] virtual const std::type_info& original_type() const noexcept = 0;

 private:
  RemoteInfo info_;
};

/// What travels beside the fields of an exception.
struct RemoteParts {
  std::shared_ptr<const std::string> what;
  RemoteInfo info;
  std::exception_ptr nested;
};

template <class E>
class Remote : public E, public RemoteOrigin {
 public:
  Remote(E&& base, const RemoteParts& parts) : E(std::move(base)), RemoteOrigin(parts.info) {}
  [[nodiscard]] const std::type_info& original_type() const noexcept override { return typeid(E); }
};

/// what() is the worker's text, and not what a constructor makes of it.
template <class E>
requires std::is_base_of_v<std::exception, E>
class Remote<E> : public E, public RemoteOrigin {
 public:
  Remote(E&& base, const RemoteParts& parts)
      : E(std::move(base)), RemoteOrigin(parts.info), what_(parts.what) {}
  [[nodiscard]] const char* what() const noexcept override { return what_->c_str(); }
  [[nodiscard]] const std::type_info& original_type() const noexcept override { return typeid(E); }

 private:
  std::shared_ptr<const std::string> what_;  // shared: copying an exception must not throw
};

template <class E>
class RemoteNested : public Remote<E>, public std::nested_exception {
 public:
  using Remote<E>::Remote;
};

template <class E>
[[nodiscard]] std::exception_ptr make_remote(E&& base, const RemoteParts& parts) {
  using Thrown = std::remove_cvref_t<E>;
  if constexpr (std::is_final_v<Thrown>) {
    return std::make_exception_ptr(std::forward<E>(base));
  } else {
    if constexpr (!std::is_base_of_v<std::nested_exception, Thrown>) {
      if (parts.nested) {
        try {
          std::rethrow_exception(parts.nested);
        } catch (...) {
          // std::nested_exception holds what is being handled where it is constructed: here.
          return std::make_exception_ptr(RemoteNested<Thrown>(std::forward<E>(base), parts));
        }
      }
    }
    return std::make_exception_ptr(Remote<Thrown>(std::forward<E>(base), parts));
  }
}

/// How the fields of one type of exception travel.
template <class E>
struct ExceptionFields {
  static constexpr bool from_text =
      std::is_constructible_v<E, const std::string&> || std::is_constructible_v<E, const char*>;
  static constexpr bool from_nothing = std::is_default_constructible_v<E>;
  /// As large as its standard base, and so without fields of its own.
  static constexpr bool stateless =
      from_nothing && ((std::is_base_of_v<std::exception, E> && sizeof(E) == sizeof(std::exception)) ||
                       (std::is_base_of_v<std::logic_error, E> && sizeof(E) == sizeof(std::logic_error)) ||
                       (std::is_base_of_v<std::runtime_error, E> && sizeof(E) == sizeof(std::runtime_error)));
  static constexpr bool has_fields = is_encodable<E> && (from_text || from_nothing);
  static constexpr bool valid = has_fields || from_text || stateless;

  static void save(ByteBuffer& out, const E& error) {
    if constexpr (has_fields) encode(out, error);
  }
  [[nodiscard]] static E make(const std::string& what, std::span<const std::byte> fields) {
    if constexpr (has_fields) {
      E error = construct(what);
      InputArchive archive(fields);
      archive(error);
      return error;
    } else {
      return construct(what);
    }
  }

 private:
  [[nodiscard]] static E construct(const std::string& what) {
    if constexpr (std::is_constructible_v<E, const std::string&>) {
      return E(what);
    } else if constexpr (std::is_constructible_v<E, const char*>) {
      return E(what.c_str());
    } else {
      return E();
    }
  }
};

/// One registered type. Lives as long as the image that it is in, which stays loaded for it.
struct ExceptionType {
  const std::type_info* type;
  /// Inside a catch block: appends the fields of the exception being handled, which must be of this type.
  void (*save)(ByteBuffer& out);
  /// Throws if the fields are not what they should be.
  std::exception_ptr (*make)(std::span<const std::byte> fields, const RemoteParts& parts);
  bool (*is_base_of)(const std::exception& error) noexcept;
  std::atomic<bool> linked = false;
  const ExceptionType* next = nullptr;
};

template <class E>
void save_current_exception(ByteBuffer& out) {
  try {
    throw;
  } catch (const E& error) {
    ExceptionFields<E>::save(out, error);
  }
}

template <class E>
std::exception_ptr make_exception(std::span<const std::byte> fields, const RemoteParts& parts) {
  return make_remote(ExceptionFields<E>::make(*parts.what, fields), parts);
}

template <class E>
bool is_exception_base([[maybe_unused]] const std::exception& error) noexcept {
  if constexpr (std::is_same_v<std::exception, E>) {
    return true;
  } else if constexpr (std::is_base_of_v<std::exception, E>) {
    return dynamic_cast<const E*>(&error) != nullptr;
  } else {
    return false;
  }
}

/// Safe from any thread and any number of times.
PROCPOOL_EXPORT void link_exception_type(ExceptionType& type) noexcept;

template <class E>
bool register_exception() noexcept {
  static_assert(std::is_class_v<E>, "procpool: PROCPOOL_EXCEPTION needs a class");
  static_assert(
      !std::is_class_v<E> || ExceptionFields<E>::valid,
      "procpool: PROCPOOL_EXCEPTION needs a type that has a cereal serialize() function and a default "
      "constructor, or that can be constructed from a std::string");
  if constexpr (ExceptionFields<E>::valid) {
    static ExceptionType type{&typeid(E), &save_current_exception<E>, &make_exception<E>,
                              &is_exception_base<E>};
    link_exception_type(type);
  }
  return true;
}

/// Inside a catch block of a worker: appends the exception that is being handled. If that is not possible,
/// what there is of it, and in the worst case nothing at all: decode_exception takes that for an error too.
PROCPOOL_EXPORT void encode_current_exception(ByteBuffer& out) noexcept;

/// The exception that the bytes describe. The bytes need not be trusted: nonsense gives a SerializationError.
[[nodiscard]] PROCPOOL_EXPORT std::exception_ptr decode_exception(std::span<const std::byte> bytes,
                                                                  RemoteInfo info) noexcept;

}  // namespace detail

}  // namespace procpool

#define PROCPOOL_DETAIL_JOIN_(a, b) a##b
#define PROCPOOL_DETAIL_JOIN(a, b) PROCPOOL_DETAIL_JOIN_(a, b)

/// Lets exceptions of this type come back from workers as what they are. At namespace scope, in a source file
/// of the program that both throws and catches it.
#define PROCPOOL_EXCEPTION(...)                                                                    \
  [[maybe_unused]] static const bool PROCPOOL_DETAIL_JOIN(procpool_exception_at_line_, __LINE__) = \
      ::procpool::detail::register_exception<__VA_ARGS__>()
