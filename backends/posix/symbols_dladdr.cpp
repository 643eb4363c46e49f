// SPDX-License-Identifier: MIT
// Names of functions by dladdr(3), in images that the host has loaded too and in the same build: macOS's also
// knows functions that are not exported, unless the file was stripped. Sibling: symbols_elf.cpp.
#include "crash/symbols.hpp"
#include "tasks/loaded_images.hpp"

#include <optional>
#include <string_view>

#include <dlfcn.h>

namespace procpool::detail {

namespace {

std::string hex(std::string_view bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += digits[static_cast<unsigned char>(byte) >> 4U];
    text += digits[static_cast<unsigned char>(byte) & 15U];
  }
  return text;
}

std::optional<LoadedImage> find_loaded(const CrashRecord::Image& image) {
  if (image.build_id.empty()) return std::nullopt;
  const std::string build_id = hex(image.build_id);
  LoadedImage own = main_image();
  if (own.build_id == build_id) return own;
  return find_image(image.path, build_id);
}

}  // namespace

std::vector<Symbol> find_symbols(const CrashRecord::Image& image, std::span<const std::uint64_t> offsets) {
  std::vector<Symbol> symbols(offsets.size());
  const auto loaded = find_loaded(image);
  if (!loaded) return symbols;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    const std::uintptr_t address = loaded->base + static_cast<std::uintptr_t>(offsets[i]);
    Dl_info info{};
    if (::dladdr(reinterpret_cast<const void*>(address), &info) == 0 || info.dli_sname == nullptr) continue;
    if (reinterpret_cast<std::uintptr_t>(info.dli_fbase) != loaded->base) continue;
    // Unlike the names in a file, dladdr's have lost the underscore of the format.
    symbols[i] = {function_name(info.dli_sname, true),
                  address - reinterpret_cast<std::uintptr_t>(info.dli_saddr)};
  }
  return symbols;
}

}  // namespace procpool::detail
