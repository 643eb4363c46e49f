// expect: procpool: PROCPOOL_EXCEPTION needs a type that has a cereal serialize() function and a default
// SPDX-License-Identifier: MIT
#include <procpool/exception.hpp>

#include <stdexcept>

class ParseError : public std::runtime_error {
 public:
  ParseError(int line, int column) : std::runtime_error("parse error"), line_(line), column_(column) {}

 private:
  int line_;
  int column_;
};
PROCPOOL_EXCEPTION(ParseError);
