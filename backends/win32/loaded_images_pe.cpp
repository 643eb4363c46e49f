// SPDX-License-Identifier: MIT
// Loaded images by the format of Microsoft's "PE Format": programs and DLLs are mapped with their headers.
#include "tasks/loaded_images.hpp"
#include "win32/text.hpp"
#include "win32/unique_handle.hpp"  // <windows.h>, which has to come before <psapi.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <psapi.h>

namespace procpool::detail {

namespace {

std::string hex(const void* bytes, std::size_t count) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    const auto byte = static_cast<const unsigned char*>(bytes)[i];
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

/// A module in this process's memory; the loader has checked it.
class Image {
 public:
  explicit Image(HMODULE module) noexcept
      : base_(reinterpret_cast<const std::byte*>(module)),
        headers_(reinterpret_cast<const IMAGE_NT_HEADERS*>(
            base_ + reinterpret_cast<const IMAGE_DOS_HEADER*>(base_)->e_lfanew)) {}

  /// What the linker wrote to find the debug information of this very build, or else what tells builds apart
  /// as well as can be: the linker's time, sizes and checksum, and the code.
  [[nodiscard]] std::string build_id() const {
    std::string id = code_view_id();
    return id.empty() ? computed_id() : id;
  }

 private:
  [[nodiscard]] bool contains(std::uint64_t offset, std::uint64_t size) const noexcept {
    return offset <= headers_->OptionalHeader.SizeOfImage &&
           size <= headers_->OptionalHeader.SizeOfImage - offset;
  }

  /// "RSDS", a GUID and a count, in the debug directory; MSVC, lld and GNU ld (--build-id) write it.
  [[nodiscard]] std::string code_view_id() const {
    const auto& directory = headers_->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_DEBUG];
    if (directory.VirtualAddress == 0 || !contains(directory.VirtualAddress, directory.Size)) return {};
    for (DWORD at = 0; directory.Size - at >= sizeof(IMAGE_DEBUG_DIRECTORY);
         at += sizeof(IMAGE_DEBUG_DIRECTORY)) {
      IMAGE_DEBUG_DIRECTORY entry{};
      std::memcpy(&entry, base_ + directory.VirtualAddress + at, sizeof entry);
      constexpr DWORD id_size = 4 + sizeof(GUID) + sizeof(DWORD);
      if (entry.Type != IMAGE_DEBUG_TYPE_CODEVIEW || entry.SizeOfData < id_size ||
          !contains(entry.AddressOfRawData, entry.SizeOfData)) {
        continue;
      }
      const std::byte* const record = base_ + entry.AddressOfRawData;
      if (std::memcmp(record, "RSDS", 4) == 0) return hex(record + 4, id_size - 4);
    }
    return {};
  }

  /// Where the loader has written addresses, which depend on where the image lies: offsets, ascending.
  [[nodiscard]] std::vector<DWORD> relocated() const {
    std::vector<DWORD> offsets;
    const auto& directory = headers_->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_BASERELOC];
    if (directory.VirtualAddress == 0 || !contains(directory.VirtualAddress, directory.Size)) return offsets;
    const std::byte* const table = base_ + directory.VirtualAddress;
    IMAGE_BASE_RELOCATION block{};
    for (DWORD at = 0; directory.Size - at >= sizeof block; at += block.SizeOfBlock) {
      std::memcpy(&block, table + at, sizeof block);
      if (block.SizeOfBlock < sizeof block || block.SizeOfBlock > directory.Size - at) break;
      for (DWORD i = sizeof block; block.SizeOfBlock - i >= sizeof(WORD); i += sizeof(WORD)) {
        WORD entry = 0;
        std::memcpy(&entry, table + at + i, sizeof entry);
        if (entry >> 12U != IMAGE_REL_BASED_ABSOLUTE)
          offsets.push_back(block.VirtualAddress + (entry & 0xFFFU));
      }
    }
    std::sort(offsets.begin(), offsets.end());
    return offsets;
  }

  [[nodiscard]] std::string computed_id() const {
    std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, eight bytes at a time
    const auto mix = [&hash](const void* bytes, std::size_t count) {
      const auto* at = static_cast<const std::byte*>(bytes);
      while (count != 0) {
        std::uint64_t word = 0;
        const std::size_t taken = std::min(count, sizeof word);
        std::memcpy(&word, at, taken);
        hash = (hash ^ word) * 0x100000001b3;
        hash ^= hash >> 29U;
        at += taken;
        count -= taken;
      }
    };
    const std::vector<DWORD> addresses = relocated();
    const IMAGE_SECTION_HEADER* section = IMAGE_FIRST_SECTION(headers_);
    for (WORD i = 0; i < headers_->FileHeader.NumberOfSections; ++i, ++section) {
      mix(section, sizeof *section);
      // Code that nobody writes to but the loader.
      if ((section->Characteristics & IMAGE_SCN_MEM_EXECUTE) == 0 ||
          (section->Characteristics & IMAGE_SCN_MEM_WRITE) != 0 ||
          !contains(section->VirtualAddress, section->Misc.VirtualSize)) {
        continue;
      }
      DWORD at = section->VirtualAddress;
      const DWORD end = at + section->Misc.VirtualSize;
      for (auto next = std::lower_bound(addresses.begin(), addresses.end(), at);
           next != addresses.end() && *next < end; ++next) {
        if (*next < at) continue;
        mix(base_ + at, *next - at);
        at = std::min<DWORD>(end, *next + sizeof(void*));
      }
      mix(base_ + at, end - at);
    }
    const std::uint32_t numbers[] = {headers_->FileHeader.TimeDateStamp, headers_->OptionalHeader.SizeOfImage,
                                     headers_->OptionalHeader.CheckSum};
    return "computed-" + hex(numbers, sizeof numbers) + hex(&hash, sizeof hash);
  }

  const std::byte* base_;
  const IMAGE_NT_HEADERS* headers_;
};

HMODULE module_at(const void* address) noexcept {
  HMODULE module = nullptr;
  constexpr DWORD flags =
      GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
  if (::GetModuleHandleExW(flags, static_cast<LPCWSTR>(address), &module) == 0) return nullptr;
  return module;
}

bool is_main(HMODULE module) noexcept {
  return module == ::GetModuleHandleW(nullptr);
}

LoadedImage to_image(HMODULE module) {
  return {reinterpret_cast<std::uintptr_t>(module), win32::module_path(module), Image(module).build_id(),
          is_main(module)};
}

std::vector<HMODULE> loaded_modules() {
  std::vector<HMODULE> modules(256);
  for (;;) {
    const auto bytes = static_cast<DWORD>(modules.size() * sizeof(HMODULE));
    DWORD needed = 0;
    if (::EnumProcessModules(::GetCurrentProcess(), modules.data(), bytes, &needed) == 0) return {};
    modules.resize(needed / sizeof(HMODULE));
    if (needed <= bytes) return modules;
  }
}

}  // namespace

std::optional<ImagePlace> image_place(const void* address) {
  const HMODULE module = module_at(address);
  if (module == nullptr) return std::nullopt;
  return ImagePlace{reinterpret_cast<std::uintptr_t>(module), is_main(module)};
}

std::optional<LoadedImage> image_containing(const void* address) {
  const HMODULE module = module_at(address);
  if (module == nullptr) return std::nullopt;
  return to_image(module);
}

LoadedImage main_image() {
  return to_image(::GetModuleHandleW(nullptr));
}

std::optional<LoadedImage> find_image(const std::string& path, const std::string& build_id) {
  const std::vector<HMODULE> modules = loaded_modules();
  for (const bool same_path : {true, false}) {
    for (const HMODULE module : modules) {
      if (is_main(module) || (win32::module_path(module) == path) != same_path) continue;
      if (Image(module).build_id() == build_id) return to_image(module);
    }
  }
  return std::nullopt;
}

}  // namespace procpool::detail
