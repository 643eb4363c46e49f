// SPDX-License-Identifier: MIT
// Names of functions from the symbol tables of ELF files: .symtab, which strip(1) takes away, else .dynsym.
// So also functions that the dynamic linker knows nothing of have names. Sibling: symbols_dladdr.cpp.
#include "crash/symbols.hpp"
#include "posix/elf_build_id.hpp"
#include "posix/unique_fd.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string_view>

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace procpool::posix {

namespace {

using Header = ElfW(Ehdr);
using Section = ElfW(Shdr);
using Segment = ElfW(Phdr);
using Entry = ElfW(Sym);

constexpr std::size_t longest_name = 4096;
constexpr std::uint64_t longest_notes = 65536;
/// A file with more is not read: some hundred million symbols.
constexpr std::uint64_t longest_table = std::uint64_t{4} << 30;

/// Reads a file at given places. Never maps it, since a file that becomes shorter would kill the reader.
class ElfFile {
 public:
  /// Not open if it is no regular file, or no ELF file of this process's kind.
  explicit ElfFile(const char* path) noexcept {
    struct stat status {};
    // Only then opened: opening a device may do something. O_NONBLOCK, should it have become a FIFO since.
    if (::stat(path, &status) != 0 || !S_ISREG(status.st_mode)) return;
    fd_ = UniqueFd(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd_ || ::fstat(fd_.get(), &status_) != 0 || !S_ISREG(status_.st_mode) || !read(0, header_) ||
        std::memcmp(header_.e_ident, ELFMAG, SELFMAG) != 0 ||
        header_.e_ident[EI_CLASS] != (sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32)) {
      fd_.reset();
    }
  }
  [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(fd_); }
  [[nodiscard]] const Header& header() const noexcept { return header_; }

  /// False if not all of it is there.
  bool read(std::uint64_t offset, void* bytes, std::size_t size) const noexcept {
    if (offset > static_cast<std::uint64_t>(status_.st_size)) return false;
    return ::pread(fd_.get(), bytes, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
  }
  template <class T>
  bool read(std::uint64_t offset, T& object) const noexcept {
    return read(offset, &object, sizeof object);
  }

  [[nodiscard]] bool is(const detail::CrashRecord::Image& image) const {
    if (!image.build_id.empty()) return build_id() == image.build_id;
    const std::uint64_t device =
        std::uint64_t{major(status_.st_dev)} << 32U | minor(status_.st_dev);  // may be macros
    return image.inode != 0 && image.inode == status_.st_ino && image.device == device;
  }
  /// Whether the path leads to this file.
  [[nodiscard]] bool is_at(const char* path) const noexcept {
    struct stat other {};
    return ::stat(path, &other) == 0 && other.st_dev == status_.st_dev && other.st_ino == status_.st_ino;
  }

 private:
  [[nodiscard]] std::string build_id() const {
    for (std::size_t i = 0; i < header_.e_phnum; ++i) {
      Segment segment;
      if (!read(header_.e_phoff + i * sizeof segment, segment)) break;
      if (segment.p_type != PT_NOTE || segment.p_filesz > longest_notes) continue;
      std::vector<std::byte> notes(segment.p_filesz);
      if (!read(segment.p_offset, notes.data(), notes.size())) continue;
      const auto id = build_id_note(notes, segment.p_align);
      if (!id.empty()) return {reinterpret_cast<const char*>(id.data()), id.size()};
    }
    return {};
  }

  UniqueFd fd_;
  struct stat status_ {};
  Header header_{};
};

/// Whether this process runs the file's code itself.
bool is_loaded(const ElfFile& file) {
  std::vector<std::string> paths{"/proc/self/exe"};
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        if (info->dlpi_name != nullptr) static_cast<decltype(&paths)>(data)->emplace_back(info->dlpi_name);
        return 0;
      },
      &paths);
  return std::any_of(paths.begin(), paths.end(), [&](const auto& path) { return file.is_at(path.c_str()); });
}

/// The symbol that an address lies in, so far.
struct Match {
  std::uint64_t value = 0;
  std::uint64_t name = 0;  ///< where in the table of strings
  bool found = false;
};

std::optional<Section> find_section(const ElfFile& file, std::uint32_t type) {
  for (std::size_t i = 0; i < file.header().e_shnum; ++i) {
    Section section;
    if (!file.read(file.header().e_shoff + i * sizeof section, section)) break;
    if (section.sh_type == type && section.sh_entsize == sizeof(Entry) && section.sh_size <= longest_table) {
      return section;
    }
  }
  return std::nullopt;
}

void match(const Entry& entry, std::span<const std::uint64_t> offsets, std::vector<Match>& matches) {
  const unsigned type = entry.st_info & 0xfU;
  if ((type != STT_FUNC && type != STT_GNU_IFUNC) || entry.st_shndx == SHN_UNDEF || entry.st_name == 0)
    return;
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    if (offsets[i] < entry.st_value || offsets[i] - entry.st_value >= entry.st_size) continue;
    if (matches[i].found && matches[i].value >= entry.st_value) continue;
    matches[i] = {entry.st_value, entry.st_name, true};
  }
}

std::string read_name(const ElfFile& file, const Section& strings, std::uint64_t at) {
  if (at >= strings.sh_size) return {};
  std::array<char, longest_name> text{};
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(strings.sh_size - at, text.size()));
  if (!file.read(strings.sh_offset + at, text.data(), size)) return {};
  const auto* const end = std::find(text.begin(), text.begin() + size, '\0');
  if (end == text.begin() + size) return {};  // has no end, or is longer than names are
  return text.data();
}

void look_up(const ElfFile& file, std::uint32_t table, bool trusted, std::span<const std::uint64_t> offsets,
             std::vector<detail::Symbol>& symbols) {
  const auto section = find_section(file, table);
  Section strings;
  if (!section || section->sh_link >= file.header().e_shnum ||
      !file.read(file.header().e_shoff + section->sh_link * sizeof strings, strings)) {
    return;
  }
  std::vector<Match> matches(offsets.size());
  std::vector<Entry> entries(4096);
  const std::uint64_t count = section->sh_size / sizeof(Entry);
  for (std::uint64_t i = 0; i < count; i += entries.size()) {
    entries.resize(static_cast<std::size_t>(std::min<std::uint64_t>(entries.size(), count - i)));
    const std::uint64_t offset = section->sh_offset + i * sizeof(Entry);
    if (!file.read(offset, entries.data(), entries.size() * sizeof(Entry))) break;
    for (const Entry& entry : entries) match(entry, offsets, matches);
  }
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    if (!symbols[i].name.empty() || !matches[i].found) continue;
    const std::string name = read_name(file, strings, matches[i].name);
    symbols[i] = {detail::function_name(name, trusted), offsets[i] - matches[i].value};
  }
}

/// What the kernel appends to the path of a file that is not there any more.
std::string without_deleted(const std::string& path) {
  constexpr std::string_view suffix = " (deleted)";
  return path.ends_with(suffix) ? path.substr(0, path.size() - suffix.size()) : path;
}

}  // namespace

}  // namespace procpool::posix

namespace procpool::detail {

std::vector<Symbol> find_symbols(const CrashRecord::Image& image, std::span<const std::uint64_t> offsets) {
  std::vector<Symbol> symbols(offsets.size());
  // The second is this program even if its file has been replaced.
  for (const std::string& path : {posix::without_deleted(image.path), std::string("/proc/self/exe")}) {
    const posix::ElfFile file(path.c_str());
    if (!file.is_open() || !file.is(image)) continue;
    const bool trusted = posix::is_loaded(file);
    posix::look_up(file, SHT_SYMTAB, trusted, offsets, symbols);
    posix::look_up(file, SHT_DYNSYM, trusted, offsets, symbols);
    break;
  }
  return symbols;
}

}  // namespace procpool::detail
