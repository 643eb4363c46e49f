// SPDX-License-Identifier: MIT
/// \file
/// The build id that a linker has written into an ELF image.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>

#include <elf.h>
#include <link.h>

namespace procpool::posix {

/// The description of NT_GNU_BUILD_ID in a note segment with this p_align; empty if it is not there. Takes
/// any bytes; async-signal-safe.
[[nodiscard]] inline std::span<const std::byte> build_id_note(std::span<const std::byte> notes,
                                                              std::size_t alignment) noexcept {
  using Note = ElfW(Nhdr);
  alignment = alignment == 8 ? 8 : 4;
  const auto padded = [alignment](std::size_t length) {
    return (length + alignment - 1) / alignment * alignment;
  };
  std::size_t at = 0;
  while (notes.size() - at >= sizeof(Note)) {
    Note note;
    std::memcpy(&note, notes.data() + at, sizeof note);
    const std::size_t left = notes.size() - at - sizeof note;
    if (note.n_namesz > left || note.n_descsz > left) break;
    const std::size_t name_at = at + sizeof note;
    const std::size_t description_at = name_at + padded(note.n_namesz);
    const std::size_t end = description_at + padded(note.n_descsz);
    if (description_at + note.n_descsz > notes.size()) break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
        std::memcmp(notes.data() + name_at, "GNU", 4) == 0) {
      return notes.subspan(description_at, note.n_descsz);
    }
    if (end > notes.size()) break;
    at = end;
  }
  return {};
}

}  // namespace procpool::posix
