// SPDX-License-Identifier: MIT
/// \file
/// A bar on stderr that fills up, if stderr is a terminal; otherwise nothing until the end, then one line.
#pragma once

#include <cstddef>

class ProgressBar {
 public:
  explicit ProgressBar(std::size_t total);
  void show(std::size_t done);
  /// Takes the bar away and says how many there were.
  void finish(std::size_t done);

 private:
  std::size_t total_;
  bool terminal_;
};
