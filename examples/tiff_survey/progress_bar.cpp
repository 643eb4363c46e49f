// SPDX-License-Identifier: MIT
#include "progress_bar.hpp"

#include <cstdio>
#include <string>

#if defined(_WIN32)
#include <io.h>
#else
#include <unistd.h>
#endif

namespace {

bool stderr_is_terminal() {
#if defined(_WIN32)
  return _isatty(_fileno(stderr)) != 0;
#else
  return isatty(STDERR_FILENO) == 1;
#endif
}

}  // namespace

ProgressBar::ProgressBar(std::size_t total) : total_(total), terminal_(stderr_is_terminal()) {}

void ProgressBar::show(std::size_t done) {
  if (!terminal_ || total_ == 0) return;
  constexpr std::size_t width = 40;
  const std::size_t filled = width * done / total_;
  const std::string bar = std::string(filled, '#') + std::string(width - filled, '.');
  std::fprintf(stderr, "\r[%s] %zu of %zu files", bar.c_str(), done, total_);
  std::fflush(stderr);
}

void ProgressBar::finish(std::size_t done) {
  if (terminal_) std::fputs("\r\033[K", stderr);
  std::fprintf(stderr, "%zu of %zu files\n", done, total_);
}
