// SPDX-License-Identifier: MIT
// The images of this process from /proc/self/maps (proc(5)) and from their ELF headers in memory, without a
// lock or an allocation. Sibling: crash_images_dyld.cpp.
#include "posix/crash_system.hpp"
#include "posix/elf_build_id.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

namespace procpool::posix {

namespace {

/// One line of the file: "begin-end perms offset major:minor inode   path".
struct Mapping {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t offset = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool readable = false;
  bool executable = false;
  std::string_view path;
};

/// Takes a number and the character behind it off the text.
std::uint64_t take_number(std::string_view& text, unsigned base) noexcept {
  std::uint64_t number = 0;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    unsigned digit = base;
    if (c >= '0' && c <= '9') digit = static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') digit = static_cast<unsigned>(c - 'a') + 10;
    if (digit >= base) break;
    number = number * base + digit;
  }
  text.remove_prefix(std::min(at + 1, text.size()));
  return number;
}

Mapping parse(std::string_view line) noexcept {
  Mapping mapping;
  mapping.begin = take_number(line, 16);
  mapping.end = take_number(line, 16);
  const std::string_view permissions = line.substr(0, 4);
  mapping.readable = permissions.find('r') != std::string_view::npos;
  mapping.executable = permissions.find('x') != std::string_view::npos;
  line.remove_prefix(std::min<std::size_t>(5, line.size()));
  mapping.offset = take_number(line, 16);
  mapping.device = take_number(line, 16) << 32U;
  mapping.device |= take_number(line, 16);
  mapping.inode = take_number(line, 10);
  const std::size_t path = line.find_first_not_of(' ');
  if (path != std::string_view::npos) mapping.path = line.substr(path);
  return mapping;
}

/// The file in pieces of whole lines. A line that does not fit is cut short.
class Lines {
 public:
  Lines() noexcept : fd_(::open("/proc/self/maps", O_RDONLY | O_CLOEXEC)) {}
  ~Lines() {
    if (fd_ >= 0) ::close(fd_);
  }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  /// Without the newline; valid until the next call. False at the end.
  bool next(std::string_view& line) noexcept {
    for (;;) {
      const std::string_view unread(buffer_ + begin_, end_ - begin_);
      const std::size_t newline = unread.find('\n');
      if (newline != std::string_view::npos) {
        line = unread.substr(0, newline);
        begin_ += newline + 1;
        if (!std::exchange(cut_, false)) return true;
        continue;
      }
      if (unread.size() == sizeof buffer_) {
        line = unread;
        begin_ = end_ = 0;
        if (!std::exchange(cut_, true)) return true;
        continue;
      }
      std::memmove(buffer_, unread.data(), unread.size());
      begin_ = 0;
      end_ = unread.size();
      const ssize_t count = fd_ < 0 ? 0 : ::read(fd_, buffer_ + end_, sizeof buffer_ - end_);
      if (count <= 0) return false;
      end_ += static_cast<std::size_t>(count);
    }
  }

 private:
  int fd_;
  bool cut_ = false;  ///< what comes up to the next newline belongs to a line that was told of already
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  char buffer_[8192];
};

/// Base and build id from the headers of an image whose file begins at `start` in memory.
void read_headers(std::uint64_t start, detail::CrashImage& image) noexcept {
  using Header = ElfW(Ehdr);
  using Segment = ElfW(Phdr);
  const auto* const file = reinterpret_cast<const std::byte*>(static_cast<std::uintptr_t>(start));
  Header header;
  std::memcpy(&header, file, sizeof header);
  constexpr std::size_t within_first_page = 4096;
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(Segment) ||
      header.e_phoff > within_first_page ||
      header.e_phnum > (within_first_page - header.e_phoff) / sizeof(Segment)) {
    return;
  }
  const auto segment = [&](std::size_t i) {
    Segment read;
    std::memcpy(&read, file + header.e_phoff + i * sizeof read, sizeof read);
    return read;
  };
  std::uint64_t base = start;
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    const Segment loaded = segment(i);
    if (loaded.p_type != PT_LOAD || loaded.p_offset != 0) continue;
    base = start - loaded.p_vaddr;
    break;
  }
  image.base = base;
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    const Segment notes = segment(i);
    if (notes.p_type != PT_NOTE) continue;
    const auto* const at =
        reinterpret_cast<const std::byte*>(static_cast<std::uintptr_t>(base + notes.p_vaddr));
    const auto id = build_id_note({at, notes.p_memsz}, notes.p_align);
    if (id.empty() || id.size() > detail::longest_build_id) continue;
    std::memcpy(image.build_id, id.data(), id.size());
    image.build_id_length = static_cast<std::uint32_t>(id.size());
    return;
  }
}

bool holds_a_frame(const detail::CrashArea& area, const Mapping& mapping) noexcept {
  const auto frames = std::span(area.frames).first(area.frame_count.load(std::memory_order_relaxed));
  return std::any_of(frames.begin(), frames.end(), [&](std::uint64_t address) {
    return address >= mapping.begin && address < mapping.end;
  });
}

}  // namespace

void prepare_crash_images() noexcept {}  // all is read when it is wanted

void write_crash_images(detail::CrashArea& area) noexcept {
  Lines lines;
  std::string_view line;
  Mapping file_start;  // the last mapping of the beginning of a file
  std::uint32_t count = 0;
  while (count < detail::most_crash_images && lines.next(line)) {
    const Mapping mapping = parse(line);
    if (mapping.inode != 0 && mapping.offset == 0 && mapping.readable) file_start = mapping;
    if (!mapping.executable || mapping.path.empty() || !holds_a_frame(area, mapping)) continue;
    detail::CrashImage& image = area.images[count];
    image.begin = mapping.begin;
    image.end = mapping.end;
    image.base = mapping.begin - mapping.offset;
    image.device = mapping.device;
    image.inode = mapping.inode;
    const std::size_t length = std::min(mapping.path.size(), detail::longest_image_path);
    std::memcpy(image.path, mapping.path.data(), length);
    image.path_length = static_cast<std::uint32_t>(length);
    area.image_count.store(++count, std::memory_order_release);
    // Last, as it reads what the crash may have spoiled.
    if (mapping.inode != 0 && file_start.inode == mapping.inode && file_start.device == mapping.device) {
      read_headers(file_start.begin, image);
    }
  }
}

}  // namespace procpool::posix
