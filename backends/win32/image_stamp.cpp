// SPDX-License-Identifier: MIT
#include "win32/image_stamp.hpp"

#include "win32/text.hpp"
#include "win32/unique_handle.hpp"

#include <array>
#include <cstddef>
#include <cstring>

namespace procpool::win32 {

namespace {

/// The header of an image begins with that of a DOS program, which says where the rest is. `count` bytes are
/// there.
ImageStamp stamp_in(const std::byte* bytes, std::size_t count) noexcept {
  IMAGE_DOS_HEADER dos{};
  IMAGE_NT_HEADERS headers{};
  if (count < sizeof dos) return {};
  std::memcpy(&dos, bytes, sizeof dos);
  const auto at = static_cast<std::size_t>(dos.e_lfanew);
  if (dos.e_magic != IMAGE_DOS_SIGNATURE || dos.e_lfanew < 0 || at > count || count - at < sizeof headers)
    return {};
  std::memcpy(&headers, bytes + at, sizeof headers);
  if (headers.Signature != IMAGE_NT_SIGNATURE) return {};
  return {headers.FileHeader.TimeDateStamp, headers.OptionalHeader.SizeOfImage,
          headers.OptionalHeader.CheckSum};
}

constexpr std::size_t header_size = 4096;  // what the loader maps of it at least

}  // namespace

ImageStamp stamp_of_loaded(HMODULE module) noexcept {
  return stamp_in(reinterpret_cast<const std::byte*>(module), header_size);
}

ImageStamp stamp_of_file(const std::string& path) {
  const UniqueHandle file(::CreateFileW(to_wide(path).c_str(), GENERIC_READ,
                                        FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                                        OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr));
  // A path from a worker may name anything: a device is not read.
  if (!file || ::GetFileType(file.get()) != FILE_TYPE_DISK) return {};
  std::array<std::byte, header_size> bytes{};
  DWORD count = 0;
  if (::ReadFile(file.get(), bytes.data(), static_cast<DWORD>(bytes.size()), &count, nullptr) == 0) return {};
  return stamp_in(bytes.data(), count);
}

}  // namespace procpool::win32
