// SPDX-License-Identifier: MIT
/// \file
/// Json: reads JSON strictly, for tests of what procpool writes.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace procpool::testing {

/// A value of JSON. The accessors throw std::logic_error if it is something else.
class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::map<std::string, Json>;

  /// Throws std::logic_error that says where the text is no JSON. Objects may not name a member twice, and
  /// texts have to be UTF-8.
  [[nodiscard]] static Json parse(std::string_view text);

  [[nodiscard]] double number() const;
  [[nodiscard]] const std::string& text() const;
  [[nodiscard]] const Array& array() const;
  [[nodiscard]] bool has(const std::string& member) const;
  [[nodiscard]] const Json& operator[](const std::string& member) const;

 private:
  friend class JsonReader;
  std::variant<std::nullptr_t, bool, double, std::string, Array, Object> value_;
};

}  // namespace procpool::testing
