// SPDX-License-Identifier: MIT
#include "serialization/stack_room.hpp"
#include "serialization/type_name.hpp"

#include <procpool/codec.hpp>
#include <procpool/detail/callable.hpp>
#include <procpool/errors.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <typeinfo>

namespace procpool {

namespace archives {

// These are caught in encode() and decode(), which add the name of the type.
void fail_truncated() {
  throw cereal::Exception("the bytes end too early");
}

void fail_count(std::uint64_t count) {
  throw cereal::Exception("a container of " + std::to_string(count) + " elements in too few bytes");
}

void check_depth(std::size_t depth) {
  // For one more level, for the exception, and for what handles it. Who has no more may nest as deep as
  // `shallow`.
  constexpr std::size_t reserve = std::size_t{64} << 10;
  if (depth > max_depth) {
    throw cereal::Exception("objects nest deeper than " + std::to_string(max_depth) + " levels");
  }
  if (detail::stack_room() < reserve) {
    throw cereal::Exception("objects nest deeper than the stack of this thread allows, " +
                            std::to_string(depth) + " levels");
  }
}

void fail_pointer(std::uint32_t id) {
  throw cereal::Exception("shared pointer " + std::to_string(id) +
                          " is unknown, of another type or there twice");
}

}  // namespace archives

namespace detail {

void throw_serialization_error(CodecStep step, const std::type_info& type) {
  try {
    throw;
  } catch (const SerializationError&) {
    throw;
  } catch (const std::exception& error) {
    throw SerializationError((step == CodecStep::encode ? "cannot encode " : "cannot decode ") +
                             demangle(type.name()) + ": " + error.what());
  }
}

void fail_left_over(std::size_t count) {
  throw cereal::Exception(std::to_string(count) + " bytes are left over");
}

void fail_null_text() {
  throw SerializationError("a null pointer to text cannot be an argument or a result");
}

}  // namespace detail

}  // namespace procpool
