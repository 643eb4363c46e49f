// SPDX-License-Identifier: MIT
#include "image_record.hpp"

#include <procpool/codec.hpp>

#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace procpool::detail {

namespace {

using Record = std::tuple<std::string, std::string, bool>;

}  // namespace

std::string to_record(const LoadedImage& image) {
  ByteBuffer bytes;
  encode(bytes, Record(image.path, image.build_id, image.is_main));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

LoadedImage from_record(std::string_view record) {
  auto [path, build_id, is_main] = decode<Record>(std::as_bytes(std::span(record)));
  return {0, std::move(path), std::move(build_id), is_main};
}

}  // namespace procpool::detail
