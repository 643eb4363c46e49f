// SPDX-License-Identifier: MIT
#include "fragile_tiff.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>

namespace fragile_tiff {
namespace {

// Numbers and names are from the TIFF 6.0 specification.
enum Tag : std::uint32_t {
  image_width = 256,
  image_length = 257,
  bits_per_sample = 258,
  compression = 259,
  image_description = 270,
  strip_offsets = 273,
  samples_per_pixel = 277,
  strip_byte_counts = 279,
};
enum Type : std::uint32_t { type_byte = 1, type_ascii = 2, type_short = 3, type_long = 4 };
enum Compression : std::uint32_t {
  none = 1,
  ccitt_g4 = 4,
  lzw = 5,
  old_jpeg = 6,
  jpeg = 7,
  deflate = 8,
  packbits = 32773
};

// As in many C libraries: whoever calls us surely wants the program to end.
[[noreturn]] void fatal() {
  std::exit(3);
}

class Reader {
 public:
  Reader(const std::vector<unsigned char>& file, bool big_endian)
      : bytes_(file.data()), size_(file.size()), big_endian_(big_endian) {}

  // The bug: offsets are not compared with the size of the file.
  [[nodiscard]] std::uint32_t u8(std::size_t offset) const { return bytes_[offset]; }
  [[nodiscard]] std::uint32_t u16(std::size_t offset) const {
    const std::uint32_t first = u8(offset);
    const std::uint32_t second = u8(offset + 1);
    return big_endian_ ? (first << 8U | second) : (second << 8U | first);
  }
  [[nodiscard]] std::uint32_t u32(std::size_t offset) const {
    const std::uint32_t first = u16(offset);
    const std::uint32_t second = u16(offset + 2);
    return big_endian_ ? (first << 16U | second) : (second << 16U | first);
  }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  const unsigned char* bytes_;
  std::size_t size_;
  bool big_endian_;
};

struct Field {
  std::uint32_t type;
  std::uint32_t count;
  std::size_t where;  // of the values
};

std::size_t size_of(std::uint32_t type) {
  if (type == type_short) return 2;
  if (type == type_long) return 4;
  return 1;
}

Field read_field(const Reader& reader, std::size_t entry) {
  Field field{reader.u16(entry + 2), reader.u32(entry + 4), entry + 8};
  if (field.count * size_of(field.type) > 4) field.where = reader.u32(entry + 8);
  return field;
}

std::uint32_t value_at(const Reader& reader, const Field& field, std::uint32_t index) {
  const std::size_t where = field.where + index * size_of(field.type);
  if (field.type == type_short) return reader.u16(where);
  if (field.type == type_long) return reader.u32(where);
  return reader.u8(where);
}

std::string text_of(const Reader& reader, const Field& field) {
  std::string text(field.count,
                   '\0');  // The bug: as long as the file says, however short the text turns out to be.
  std::size_t length = 0;
  while (length < field.count) {
    const auto c = static_cast<char>(reader.u8(field.where + length));
    if (c == '\0') break;
    text[length++] = c;
  }
  text.resize(length);
  return text;
}

// Adds up the samples of one strip, and takes those that it has seen off `left`.
std::uint64_t sum_strip(const Reader& reader, std::size_t offset, std::size_t count, std::uint64_t& left) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count && left > 0; ++i, --left) sum += reader.u8(offset + i);
  return sum;
}

std::uint64_t sum_packbits_strip(const Reader& reader, std::size_t offset, std::size_t count,
                                 std::uint64_t& left) {
  std::uint64_t sum = 0;
  const std::size_t end = offset + count;
  while (offset < end && left > 0) {
    const std::uint32_t code = reader.u8(offset);
    if (code == 128) continue;  // "no operation". The bug: nor is it skipped.
    if (code < 128) {
      std::uint64_t wanted = std::min<std::uint64_t>(code + 1, left);
      left -= wanted;
      sum += sum_strip(reader, offset + 1, code + 1, wanted);
      offset += code + 2;
    } else {
      const std::uint64_t run = std::min<std::uint64_t>(257 - code, left);
      sum += run * reader.u8(offset + 1);
      left -= run;
      offset += 2;
    }
  }
  return sum;
}

std::optional<double> mean_of(const Reader& reader, const Page& page, const Field& offsets,
                              const Field& counts) {
  if (page.bits_per_sample != 8) return std::nullopt;
  if (page.compression != none && page.compression != packbits) return std::nullopt;
  const std::uint64_t samples = std::uint64_t{page.width} * page.height * page.samples_per_pixel;
  if (samples == 0) return std::nullopt;
  std::uint64_t left = samples;
  std::uint64_t sum = 0;
  for (std::uint32_t strip = 0; strip < offsets.count; ++strip) {
    const std::size_t offset = value_at(reader, offsets, strip);
    const std::size_t count = value_at(reader, counts, strip);
    sum += page.compression == packbits ? sum_packbits_strip(reader, offset, count, left)
                                        : sum_strip(reader, offset, count, left);
  }
  return static_cast<double>(sum) / static_cast<double>(samples);
}

Page read_page(const Reader& reader, std::size_t directory, std::uint32_t entries) {
  Page page;
  Field offsets{type_long, 0, 0};
  Field counts{type_long, 0, 0};
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + std::size_t{12} * i;
    const Field field = read_field(reader, entry);
    switch (reader.u16(entry)) {
      case image_width:
        page.width = value_at(reader, field, 0);
        break;
      case image_length:
        page.height = value_at(reader, field, 0);
        break;
      case bits_per_sample:
        page.bits_per_sample = value_at(reader, field, 0);
        break;
      case compression:
        page.compression = value_at(reader, field, 0);
        break;
      case samples_per_pixel:
        page.samples_per_pixel = value_at(reader, field, 0);
        break;
      case image_description:
        page.description = text_of(reader, field);
        break;
      case strip_offsets:
        offsets = field;
        break;
      case strip_byte_counts:
        counts = field;
        break;
      default:
        break;
    }
  }
  if (page.compression == old_jpeg) fatal();
  page.mean = mean_of(reader, page, offsets, counts);
  return page;
}

}  // namespace

Document parse(const std::vector<unsigned char>& file) {
  if (file.size() < 8) throw ParseError("too short for a TIFF file");
  Document document;
  if (file[0] == 'M' && file[1] == 'M') {
    document.big_endian = true;
  } else if (file[0] != 'I' || file[1] != 'I') {
    throw ParseError("not a TIFF file");
  }
  const Reader reader(file, document.big_endian);
  if (reader.u16(2) != 42) throw ParseError("the number after the byte order is not 42");

  // The bug: nobody checks whether a directory has been there before.
  for (std::size_t directory = reader.u32(4); directory != 0;) {
    const std::uint32_t entries = reader.u16(directory);
    document.pages.push_back(read_page(reader, directory, entries));
    directory = reader.u32(directory + 2 + std::size_t{12} * entries);
  }
  return document;
}

std::string compression_name(std::uint32_t code) {
  switch (code) {
    case none:
      return "uncompressed";
    case ccitt_g4:
      return "CCITT group 4";
    case lzw:
      return "LZW";
    case old_jpeg:
    case jpeg:
      return "JPEG";
    case deflate:
      return "Deflate";
    case packbits:
      return "PackBits";
    default:
      return "compression " + std::to_string(code);
  }
}

}  // namespace fragile_tiff
