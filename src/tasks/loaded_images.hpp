// SPDX-License-Identifier: MIT
/// \file
/// The program and the shared libraries that are loaded into this process. A matter of the platform,
/// implemented in backends/. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace procpool::detail {

struct LoadedImage {
  /// What to add to an offset to get an address. The same offset is the same function in every process that
  /// has loaded an image with this build id.
  std::uintptr_t base = 0;
  std::string path;
  /// Differs between any two builds. From the linker if it wrote one, else computed from the code.
  std::string build_id;
  bool is_main = false;
};

struct ImagePlace {
  std::uintptr_t base = 0;
  bool is_main = false;
};

/// Where the image that the address lies in is. Cheap, compared with image_containing().
[[nodiscard]] std::optional<ImagePlace> image_place(const void* address);

[[nodiscard]] std::optional<LoadedImage> image_containing(const void* address);

/// The program itself.
[[nodiscard]] LoadedImage main_image();

/// A loaded image with this build id. One with the same path but another build id is not it.
[[nodiscard]] std::optional<LoadedImage> find_image(const std::string& path, const std::string& build_id);

/// Loads a shared library for good. Returns what the system says against it, or an empty text.
[[nodiscard]] std::string load_image(const std::string& path);

/// Keeps the shared library that the address lies in from being unloaded, for good.
void keep_image_loaded(const void* address) noexcept;

}  // namespace procpool::detail
