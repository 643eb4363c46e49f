// SPDX-License-Identifier: MIT
// The images of this process from dyld's own list, which it keeps for debuggers at a place that does not
// change (TASK_DYLD_INFO of task_info), so that no lock of dyld's is taken. Sibling: crash_images_procfs.cpp.
#include "posix/crash_system.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <mach-o/loader.h>
#include <mach/mach.h>
#include <mach/task_info.h>

namespace procpool::posix {

namespace {

using Header = mach_header_64;

/// dyld_image_info and the beginning of dyld_all_image_infos, as <mach-o/dyld_images.h> has them on 64 bits,
/// which not everybody who can build for macOS has.
struct ImageInfo {
  const Header* header;
  const char* path;
  std::uintptr_t modified;
};
struct AllImages {
  std::uint32_t version;
  std::uint32_t count;
  const ImageInfo* list;
};

const volatile AllImages* all_images = nullptr;

/// Fills in where the code is and the build id.
void read_commands(const Header& header, detail::CrashImage& image) noexcept {
  const auto* at = reinterpret_cast<const std::byte*>(&header + 1);
  const auto* const end = at + header.sizeofcmds;
  for (std::uint32_t i = 0; i < header.ncmds && static_cast<std::size_t>(end - at) >= sizeof(load_command);
       ++i) {
    load_command command{};
    std::memcpy(&command, at, sizeof command);
    if (command.cmdsize < sizeof command || command.cmdsize > static_cast<std::size_t>(end - at)) return;
    if (command.cmd == LC_SEGMENT_64 && command.cmdsize >= sizeof(segment_command_64)) {
      segment_command_64 segment{};
      std::memcpy(&segment, at, sizeof segment);
      if (std::strncmp(segment.segname, SEG_TEXT, sizeof segment.segname) == 0) {
        image.end = image.begin + segment.vmsize;
      }
    } else if (command.cmd == LC_UUID && command.cmdsize >= sizeof(uuid_command)) {
      uuid_command uuid{};
      std::memcpy(&uuid, at, sizeof uuid);
      std::memcpy(image.build_id, uuid.uuid, sizeof uuid.uuid);
      image.build_id_length = sizeof uuid.uuid;
    }
    at += command.cmdsize;
  }
}

bool holds_a_frame(const detail::CrashArea& area, const detail::CrashImage& image) noexcept {
  const std::uint32_t count = area.frame_count.load(std::memory_order_relaxed);
  return std::any_of(area.frames, area.frames + count,
                     [&](std::uint64_t address) { return address >= image.begin && address < image.end; });
}

}  // namespace

void prepare_crash_images() noexcept {
  task_dyld_info info{};
  mach_msg_type_number_t count = TASK_DYLD_INFO_COUNT;
  if (::task_info(mach_task_self(), TASK_DYLD_INFO, reinterpret_cast<task_info_t>(&info), &count) ==
      KERN_SUCCESS) {
    all_images = reinterpret_cast<const AllImages*>(info.all_image_info_addr);
  }
}

void write_crash_images(detail::CrashArea& area) noexcept {
  // dyld takes the list away while it changes it.
  const ImageInfo* const list = all_images != nullptr ? all_images->list : nullptr;
  if (list == nullptr) return;
  const std::uint32_t loaded = all_images->count;
  std::uint32_t count = 0;
  for (std::uint32_t i = 0; i < loaded && count < detail::most_crash_images; ++i) {
    const Header* const header = list[i].header;
    const char* const path = list[i].path;
    if (header == nullptr || path == nullptr) continue;
    detail::CrashImage& image = area.images[count];
    image.begin = image.base = reinterpret_cast<std::uintptr_t>(header);
    image.end = image.begin;
    image.build_id_length = 0;
    read_commands(*header, image);
    if (!holds_a_frame(area, image)) continue;
    const std::size_t length = std::min(std::strlen(path), detail::longest_image_path);
    std::memcpy(image.path, path, length);
    image.path_length = static_cast<std::uint32_t>(length);
    area.image_count.store(++count, std::memory_order_release);
  }
}

}  // namespace procpool::posix
