// SPDX-License-Identifier: MIT
// Loaded images by dyld(3). Sibling: loaded_images_elf.cpp.
#include "tasks/loaded_images.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <dlfcn.h>
#include <mach-o/dyld.h>
#include <mach-o/loader.h>

namespace procpool::detail {

namespace {

using Header = mach_header_64;

std::string hex(std::span<const std::byte> bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += digits[std::to_integer<std::size_t>(byte) >> 4U];
    text += digits[std::to_integer<std::size_t>(byte) & 15U];
  }
  return text;
}

/// LC_UUID, which Apple's linker and lld always write; without it the load commands themselves, which hold
/// the sizes of all sections, tell builds apart as well as they can.
std::string build_id_of(const Header& header) {
  const auto* const first = reinterpret_cast<const std::byte*>(&header + 1);
  std::size_t at = 0;
  for (std::uint32_t i = 0; i < header.ncmds && header.sizeofcmds - at >= sizeof(load_command); ++i) {
    load_command command{};
    std::memcpy(&command, first + at, sizeof command);
    if (command.cmd == LC_UUID && command.cmdsize >= sizeof(uuid_command)) {
      uuid_command uuid{};
      std::memcpy(&uuid, first + at, sizeof uuid);
      return hex(std::as_bytes(std::span(uuid.uuid)));
    }
    if (command.cmdsize < sizeof command || command.cmdsize > header.sizeofcmds - at) break;
    at += command.cmdsize;
  }
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (std::size_t i = 0; i < header.sizeofcmds; ++i) {
    hash = (hash ^ std::to_integer<std::uint64_t>(first[i])) * 0x100000001b3;
  }
  return "commands-" + hex(std::as_bytes(std::span(&hash, 1)));
}

LoadedImage to_image(const Header& header, const char* path) {
  return {reinterpret_cast<std::uintptr_t>(&header), path != nullptr ? path : "", build_id_of(header),
          header.filetype == MH_EXECUTE};
}

const Header* header_at(std::uint32_t index) noexcept {
  return reinterpret_cast<const Header*>(_dyld_get_image_header(index));
}

}  // namespace

std::optional<ImagePlace> image_place(const void* address) {
  Dl_info info{};
  if (::dladdr(address, &info) == 0 || info.dli_fbase == nullptr) return std::nullopt;
  const auto* const header = static_cast<const Header*>(info.dli_fbase);
  return ImagePlace{reinterpret_cast<std::uintptr_t>(header), header->filetype == MH_EXECUTE};
}

std::optional<LoadedImage> image_containing(const void* address) {
  Dl_info info{};
  if (::dladdr(address, &info) == 0 || info.dli_fbase == nullptr) return std::nullopt;
  return to_image(*static_cast<const Header*>(info.dli_fbase), info.dli_fname);
}

LoadedImage main_image() {
  const std::uint32_t count = _dyld_image_count();
  for (std::uint32_t i = 0; i < count; ++i) {
    // Not always the first: libraries that are inserted by the environment come before it.
    const Header* const header = header_at(i);
    if (header != nullptr && header->filetype == MH_EXECUTE)
      return to_image(*header, _dyld_get_image_name(i));
  }
  return {0, "the program", "", true};
}

std::optional<LoadedImage> find_image(const std::string& path, const std::string& build_id) {
  const std::uint32_t count = _dyld_image_count();
  for (const bool same_path : {true, false}) {
    for (std::uint32_t i = 0; i < count; ++i) {
      const Header* const header = header_at(i);
      const char* const name = _dyld_get_image_name(i);
      if (header == nullptr || name == nullptr || header->filetype == MH_EXECUTE) continue;
      if ((path == name) == same_path && build_id_of(*header) == build_id) return to_image(*header, name);
    }
  }
  return std::nullopt;
}

}  // namespace procpool::detail
