// SPDX-License-Identifier: MIT
// Loaded images by dl_iterate_phdr(3), which static programs have too. Sibling: loaded_images_macho.cpp.
#include "posix/elf_build_id.hpp"
#include "posix/host_fd.hpp"
#include "tasks/loaded_images.hpp"

#include <array>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <elf.h>
#include <link.h>
#include <unistd.h>

namespace procpool::detail {

namespace {

using Header = ElfW(Phdr);

/// What dl_iterate_phdr tells of one image.
struct Mapped {
  std::uintptr_t base = 0;
  std::string name;
  std::vector<Header> headers;
  bool is_main = false;

  [[nodiscard]] const std::byte* at(std::uintptr_t offset) const noexcept {
    return reinterpret_cast<const std::byte*>(base + offset);
  }
};

bool contains(const dl_phdr_info& info, std::uintptr_t address) noexcept {
  for (const Header& header : std::span(info.dlpi_phdr, info.dlpi_phnum)) {
    if (header.p_type != PT_LOAD) continue;
    const std::uintptr_t start = info.dlpi_addr + header.p_vaddr;
    if (address >= start && address - start < header.p_memsz) return true;
  }
  return false;
}

/// Calls visit(info, is_main) for each image until it returns true. The program comes first:
/// dl_iterate_phdr(3). It holds a lock of the dynamic linker's that glibc does not free in a forked child, so
/// no thread forks meanwhile.
template <class Visit>
void visit_images(Visit visit) {
  const posix::ForksHeld forks_held;
  struct State {
    Visit& visit;
    bool first = true;
  } state{visit};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        auto& seen = *static_cast<State*>(data);
        const bool is_main = seen.first;
        seen.first = false;
        return seen.visit(*info, is_main) ? 1 : 0;
      },
      &state);
}

Mapped to_mapped(const dl_phdr_info& info, bool is_main) {
  return {info.dlpi_addr,
          info.dlpi_name != nullptr ? info.dlpi_name : "",
          {info.dlpi_phdr, info.dlpi_phdr + info.dlpi_phnum},
          is_main};
}

std::string hex(std::span<const std::byte> bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += digits[std::to_integer<std::size_t>(byte) >> 4U];
    text += digits[std::to_integer<std::size_t>(byte) & 15U];
  }
  return text;
}

void add_to_hash(std::uint64_t& hash, const void* bytes, std::size_t size) noexcept {
  // FNV-1a by words: it tells builds apart, it does not resist forgery.
  constexpr std::uint64_t prime = 0x100000001b3;
  const auto* at = static_cast<const unsigned char*>(bytes);
  for (; size >= sizeof hash; size -= sizeof hash, at += sizeof hash) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    hash = (hash ^ word) * prime;
    hash ^= hash >> 32U;
  }
  for (; size > 0; --size, ++at) hash = (hash ^ *at) * prime;
}

/// For images that were linked without a build id (musl and lld write none unless asked).
std::string hash_of_code(const Mapped& image) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const Header& header : image.headers) {
    add_to_hash(hash, &header, sizeof header);
    constexpr auto readable_code = PF_R | PF_X;
    if (header.p_type == PT_LOAD && (header.p_flags & readable_code) == readable_code) {
      add_to_hash(hash, image.at(header.p_vaddr), header.p_filesz);
    }
  }
  return "code-" + hex(std::as_bytes(std::span(&hash, 1)));
}

std::string build_id_of(const Mapped& image) {
  for (const Header& header : image.headers) {
    if (header.p_type != PT_NOTE) continue;
    const auto id = posix::build_id_note({image.at(header.p_vaddr), header.p_memsz}, header.p_align);
    if (!id.empty()) return hex(id);
  }
  return hash_of_code(image);
}

/// The program's own path, which its dlpi_name does not give.
std::string program_path() {
  std::array<char, PATH_MAX> path{};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  return length > 0 ? std::string(path.data(), static_cast<std::size_t>(length)) : "the program";
}

/// For a process that may have another working directory. Names without a slash are found by search.
std::string absolute(const std::string& path) {
  if (path.find('/') == std::string::npos || path.front() == '/') return path;
  std::array<char, PATH_MAX> resolved{};
  return ::realpath(path.c_str(), resolved.data()) != nullptr ? resolved.data() : path;
}

LoadedImage to_image(const Mapped& mapped) {
  return {mapped.base, mapped.is_main ? program_path() : absolute(mapped.name), build_id_of(mapped),
          mapped.is_main};
}

}  // namespace

std::optional<ImagePlace> image_place(const void* address) {
  std::optional<ImagePlace> place;
  visit_images([&](const dl_phdr_info& info, bool is_main) {
    if (!contains(info, reinterpret_cast<std::uintptr_t>(address))) return false;
    place = ImagePlace{info.dlpi_addr, is_main};
    return true;
  });
  return place;
}

std::optional<LoadedImage> image_containing(const void* address) {
  std::optional<Mapped> found;
  visit_images([&](const dl_phdr_info& info, bool is_main) {
    if (!contains(info, reinterpret_cast<std::uintptr_t>(address))) return false;
    found = to_mapped(info, is_main);
    return true;
  });
  if (!found) return std::nullopt;
  return to_image(*found);
}

LoadedImage main_image() {
  std::optional<Mapped> found;
  visit_images([&](const dl_phdr_info& info, bool is_main) {
    found = to_mapped(info, is_main);
    return true;
  });
  return found ? to_image(*found) : LoadedImage{0, program_path(), "", true};
}

std::optional<LoadedImage> find_image(const std::string& path, const std::string& build_id) {
  std::vector<Mapped> images;
  visit_images([&](const dl_phdr_info& info, bool is_main) {
    images.push_back(to_mapped(info, is_main));
    return false;
  });
  // The likely one first: a build id that must be computed costs a walk through all of the code.
  for (const bool same_path : {true, false}) {
    for (const Mapped& image : images) {
      if ((image.name == path) != same_path || image.is_main) continue;
      if (build_id_of(image) == build_id) return to_image(image);
    }
  }
  return std::nullopt;
}

}  // namespace procpool::detail
