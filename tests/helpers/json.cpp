// SPDX-License-Identifier: MIT
#include "helpers/json.hpp"

#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace procpool::testing {

/// A reader by recursive descent, after RFC 8259.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  Json read_all() {
    Json value = read();
    skip_space();
    if (at_ != text_.size()) fail("something follows the value");
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& why) const {
    throw std::logic_error("no JSON at " + std::to_string(at_) + ": " + why + ": " +
                           std::string(text_.substr(at_ < 40 ? 0 : at_ - 40, 80)));
  }
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_space() {
    while (peek() == ' ' || peek() == '\n' || peek() == '\r' || peek() == '\t') ++at_;
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(std::string("expected ") + c);
  }

  Json read() {
    skip_space();
    Json json;
    if (peek() == '{') {
      json.value_ = read_object();
    } else if (peek() == '[') {
      json.value_ = read_array();
    } else if (peek() == '"') {
      json.value_ = read_text();
    } else if (take_word("true")) {
      json.value_ = true;
    } else if (take_word("false")) {
      json.value_ = false;
    } else if (take_word("null")) {
      json.value_ = nullptr;
    } else {
      json.value_ = read_number();
    }
    return json;
  }
  bool take_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  Json::Object read_object() {
    expect('{');
    Json::Object members;
    skip_space();
    if (take('}')) return members;
    do {
      skip_space();
      std::string name = read_text();
      skip_space();
      expect(':');
      if (!members.emplace(name, read()).second) fail("a second " + name);
      skip_space();
    } while (take(','));
    expect('}');
    return members;
  }
  Json::Array read_array() {
    expect('[');
    Json::Array elements;
    skip_space();
    if (take(']')) return elements;
    do {
      elements.push_back(read());
      skip_space();
    } while (take(','));
    expect(']');
    return elements;
  }

  double read_number() {
    const std::size_t begin = at_;
    take('-');
    if (!take('0')) take_digits();
    if (take('.')) take_digits();
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (!take('+')) take('-');
      take_digits();
    }
    return std::strtod(std::string(text_.substr(begin, at_ - begin)).c_str(), nullptr);
  }
  void take_digits() {
    const std::size_t begin = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    if (at_ == begin) fail("expected a digit");
  }

  std::string read_text() {
    expect('"');
    std::string text;
    while (!take('"')) {
      if (at_ == text_.size()) fail("a text without an end");
      const auto byte = static_cast<unsigned char>(text_[at_]);
      if (byte < 0x20) fail("a control character");
      if (byte >= 0x80) {
        read_sequence(text);
      } else if (take('\\')) {
        read_escape(text);
      } else {
        text += text_[at_++];
      }
    }
    return text;
  }
  void read_escape(std::string& text) {
    constexpr std::string_view names = "\"\\/bfnrt";
    constexpr std::string_view meant = "\"\\/\b\f\n\r\t";
    const char name = peek();
    ++at_;
    if (name == 'u') {
      unsigned code = 0;
      for (int i = 0; i < 4; ++i) {
        const std::size_t digit = std::string_view("0123456789abcdef").find(peek());
        if (peek() == '\0' || digit == std::string_view::npos) fail("expected four digits");
        code = code * 16 + static_cast<unsigned>(digit);
        ++at_;
      }
      if (code >= 0x80) fail("not needed in these tests");
      text += static_cast<char>(code);
      return;
    }
    const std::size_t index = name == '\0' ? names.npos : names.find(name);
    if (index == names.npos) fail("an unknown escape");
    text += meant[index];
  }
  /// One character of UTF-8, in its shortest form.
  void read_sequence(std::string& text) {
    const auto lead = static_cast<unsigned char>(text_[at_]);
    const int length = lead >= 0xF0 ? 4 : (lead >= 0xE0 ? 3 : 2);
    if (lead < 0xC0 || lead >= 0xF8) fail("no UTF-8");
    std::uint32_t code = lead & (0x7FU >> static_cast<unsigned>(length));
    text += text_[at_++];
    for (int i = 1; i < length; ++i) {
      const auto byte = static_cast<unsigned char>(peek());
      if ((byte & 0xC0U) != 0x80) fail("no UTF-8");
      code = code << 6U | (byte & 0x3FU);
      text += text_[at_++];
    }
    constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < least[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) fail("no UTF-8");
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

namespace {

template <class T, class Value>
const T& as(const Value& value, const char* name) {
  if (const T* found = std::get_if<T>(&value)) return *found;
  throw std::logic_error(std::string("this JSON is no ") + name);
}

}  // namespace

Json Json::parse(std::string_view text) {
  return JsonReader(text).read_all();
}
double Json::number() const {
  return as<double>(value_, "number");
}
const std::string& Json::text() const {
  return as<std::string>(value_, "text");
}
const Json::Array& Json::array() const {
  return as<Array>(value_, "array");
}
bool Json::has(const std::string& member) const {
  return as<Object>(value_, "object").contains(member);
}
const Json& Json::operator[](const std::string& member) const {
  const auto& members = as<Object>(value_, "object");
  const auto found = members.find(member);
  if (found == members.end()) throw std::logic_error("this JSON has no member " + member);
  return found->second;
}

}  // namespace procpool::testing
