// SPDX-License-Identifier: MIT
/// \file
/// How a LoadedImage is told to another process, where its base is another one.
#pragma once

#include "loaded_images.hpp"

#include <string>
#include <string_view>

namespace procpool::detail {

[[nodiscard]] std::string to_record(const LoadedImage& image);
/// With base 0. Throws SerializationError.
[[nodiscard]] LoadedImage from_record(std::string_view record);

}  // namespace procpool::detail
