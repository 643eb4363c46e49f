// SPDX-License-Identifier: MIT
#include "exception_types.hpp"
#include "serialization/type_name.hpp"

#include <procpool/exception.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <typeinfo>

namespace procpool {

namespace {

using detail::ByteBuffer;
using detail::ExceptionType;
using detail::RemoteParts;

constexpr std::size_t max_text = std::size_t{64} * 1024;
constexpr int max_nesting = 16;

/// type_info::name() of a registered type, or nothing; the type for people; what(); the fields; the Record of
/// a nested exception, or nothing.
using Record = std::tuple<std::string, std::string, std::string, std::string, std::string>;

/// At most max_text bytes, without a torn UTF-8 sequence at the end.
std::string cut(std::string_view text) {
  if (text.size() <= max_text) return std::string(text);
  std::size_t size = max_text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;
  return std::string(text.substr(0, size));
}

std::string to_string(const ByteBuffer& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

/// The X of a class `std::something<X>` that std::throw_with_nested has made; the name itself of any other.
std::string_view unwrap_nested(std::string_view name) {
  const std::size_t open = name.find('<');
  if (!name.starts_with("std::") || open == std::string_view::npos || !name.ends_with('>')) return name;
  name = name.substr(open + 1, name.size() - open - 2);
  if (name.ends_with(' ')) name.remove_suffix(1);  // "X<Y> ", where one compiler keeps two brackets apart
  return name;
}

/// The standard library throws classes of its own too, derived from the public ones.
const ExceptionType* find_nearest(const std::exception& error, const std::string& name, bool nested) {
  if (nested) {
    const std::string_view inner = unwrap_nested(name);
    return detail::find_exception_type([&](const ExceptionType& candidate) {
      return candidate.is_base_of(error) && detail::demangle(candidate.type->name()) == inner;
    });
  }
  if (!name.starts_with("std::")) return nullptr;
  return detail::find_exception_type(
      [&](const ExceptionType& candidate) { return candidate.is_base_of(error); });
}

std::string save_fields(const ExceptionType& type) {
  ByteBuffer fields;
  type.save(fields);
  return to_string(fields);
}

/// Inside a catch block.
void set_type_and_fields(Record& record, const ExceptionType* type) {
  if (type == nullptr) return;
  try {
    std::get<3>(record) = save_fields(*type);
    std::get<0>(record) = type->type->name();
  } catch (const std::exception&) {
    // Fields that cannot be encoded: it travels as RemoteError, with its text.
  }
}

/// Inside a catch block.
Record describe_current(int depth);

Record describe(const std::exception& error, int depth) {
  const auto* const origin = dynamic_cast<const detail::RemoteOrigin*>(&error);
  const auto* const holder = dynamic_cast<const std::nested_exception*>(&error);
  const std::type_info& thrown = origin != nullptr ? origin->original_type() : typeid(error);
  const std::string name = detail::demangle(thrown.name());

  Record record;
  std::get<1>(record) = cut(holder != nullptr ? unwrap_nested(name) : name);
  const char* const what = error.what();
  std::get<2>(record) = cut(what != nullptr ? what : "");
  const ExceptionType* type = detail::find_exception_type(thrown);
  if (type == nullptr) type = find_nearest(error, name, holder != nullptr);
  set_type_and_fields(record, type);

  if (holder != nullptr && holder->nested_ptr() != nullptr && depth < max_nesting) {
    try {
      holder->rethrow_nested();
    } catch (...) {
      ByteBuffer nested;
      detail::encode(nested, describe_current(depth + 1));
      std::get<4>(record) = to_string(nested);
    }
  }
  return record;
}

/// Inside a catch block: one that the exception has, or derives from.
const ExceptionType* find_by_catching() {
  return detail::find_exception_type([](const ExceptionType& candidate) {
    try {
      save_fields(candidate);
      return true;
    } catch (...) {
      return false;  // that of the block, if it is of another type
    }
  });
}

/// The same for what is not a std::exception. `thrown`: nullptr where nobody tells the type.
Record describe_other(const std::type_info* thrown, std::string_view text) {
  if (thrown == nullptr) {
    if (const ExceptionType* const type = find_by_catching()) thrown = type->type;
  }
  Record record;
  std::get<1>(record) = thrown != nullptr ? cut(detail::demangle(thrown->name())) : "a foreign exception";
  std::get<2>(record) = !text.empty() ? cut(text) : "an exception of type " + std::get<1>(record);
  if (thrown != nullptr) set_type_and_fields(record, detail::find_exception_type(*thrown));
  return record;
}

Record describe_current(int depth) {
  try {
    throw;
  } catch (const std::exception& error) {
    return describe(error, depth);
  } catch (const detail::RemoteOrigin& origin) {
    return describe_other(&origin.original_type(), {});
  } catch (const std::string& text) {
    return describe_other(&typeid(std::string), text);
  } catch (const char* text) {
    return describe_other(&typeid(const char*), text != nullptr ? text : "");
  } catch (int) {  // where current_exception_type() knows nothing, these are the likeliest: codes of errors
    return describe_other(&typeid(int), {});
  } catch (long) {
    return describe_other(&typeid(long), {});
  } catch (...) {
    return describe_other(detail::current_exception_type(), {});
  }
}

std::exception_ptr make_remote_error(const std::string& type_name, const RemoteParts& parts) {
  return detail::make_remote(RemoteError(*parts.what, type_name), parts);
}

std::exception_ptr rebuild(std::span<const std::byte> bytes, RemoteInfo info, int depth) {
  auto [type_id, type_name, what, fields, nested] = detail::decode<Record>(bytes);
  if (type_name.empty()) throw SerializationError("the exception has no type");
  RemoteParts parts{std::make_shared<const std::string>(std::move(what)), info, nullptr};
  if (!nested.empty() && depth < max_nesting) parts.nested = rebuild(bytes_of(nested), info, depth + 1);
  const ExceptionType* const type = type_id.empty() ? nullptr : detail::find_exception_type(type_id);
  if (type == nullptr) return make_remote_error(type_name, parts);
  return type->make(bytes_of(fields), parts);
}

}  // namespace

detail::RemoteOrigin::~RemoteOrigin() = default;

std::optional<RemoteInfo> remote_info(const std::exception& error) noexcept {
  const auto* const origin = dynamic_cast<const detail::RemoteOrigin*>(&error);
  if (origin == nullptr) return std::nullopt;
  return origin->info();
}

std::optional<RemoteInfo> remote_info(const std::exception_ptr& error) noexcept {
  if (error == nullptr) return std::nullopt;
  try {
    std::rethrow_exception(error);
  } catch (const detail::RemoteOrigin& origin) {
    return origin.info();
  } catch (...) {
    return std::nullopt;
  }
}

void detail::encode_current_exception(ByteBuffer& out) noexcept {
  const std::size_t start = out.size();
  Record record;
  try {
    record = describe_current(0);
    encode(out, record);
    return;
  } catch (...) {
    out.truncate(start);
  }
  try {
    // Too large, or no memory: what names the error matters most.
    Record bare;
    std::get<1>(bare) = std::get<1>(record).empty() ? "unknown" : std::get<1>(record).substr(0, 256);
    std::get<2>(bare) = std::get<2>(record).substr(0, 1024);
    encode(out, bare);
  } catch (...) {
    out.truncate(start);
  }
}

std::exception_ptr detail::decode_exception(std::span<const std::byte> bytes, RemoteInfo info) noexcept {
  try {
    try {
      return rebuild(bytes, info, 0);
    } catch (const std::exception& error) {
      const RemoteParts parts{
          std::make_shared<const std::string>("the task threw, and what it threw cannot be decoded: " +
                                              std::string(error.what())),
          info, nullptr};
      return make_remote(SerializationError(*parts.what), parts);
    }
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace procpool
