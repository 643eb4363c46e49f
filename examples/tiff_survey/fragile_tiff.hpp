// SPDX-License-Identifier: MIT
/// \file
/// A reader of TIFF files as one finds them in the wild: it works, on files that mean well.
///
/// Its faults are typical ones and are here on purpose. Offsets from the file are believed (a crash), an
/// error deep inside ends the process (exit), a chain of pages may bite its own tail (memory without end),
/// one code of the run-length decoder is not skipped (an endless loop). Only in a worker process can a
/// program call it on files from strangers.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace fragile_tiff {

/// The file is no TIFF file at all. The only fault that is told properly.
class ParseError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Page {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t bits_per_sample = 1;
  std::uint32_t samples_per_pixel = 1;
  std::uint32_t compression = 1;
  std::string description;
  /// The mean of all samples, 0 to 255; of pages of 8 bits whose compression is none or PackBits.
  std::optional<double> mean;
};

struct Document {
  bool big_endian = false;
  std::vector<Page> pages;
};

Document parse(const std::vector<unsigned char>& file);

/// "none", "LZW", ...
std::string compression_name(std::uint32_t code);

}  // namespace fragile_tiff
