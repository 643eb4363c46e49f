// SPDX-License-Identifier: MIT
// x86-64. The stack is walked by the tables that its programs have for exceptions (RtlLookupFunctionEntry,
// RtlVirtualUnwind).
#include "channel/layout.hpp"
#include "win32/crash_handler.hpp"
#include "win32/image_stamp.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>

#include <windows.h>

namespace procpool::win32 {

namespace {

detail::CrashArea* area = nullptr;
std::atomic<bool> crashing{false};

/// How MSVC's runtime throws in C++. Its own filter answers it with std::terminate(), as it should be.
constexpr DWORD thrown_by_msvc = 0xE06D7363;
LPTOP_LEVEL_EXCEPTION_FILTER filter_of_runtime = nullptr;

bool add_frame(std::uint64_t address) noexcept {
  const std::uint32_t count = area->frame_count.load(std::memory_order_relaxed);
  if (count >= detail::most_crash_frames) return false;
  area->frames[count] = address;
  area->frame_count.store(count + 1, std::memory_order_release);
  return true;
}

/// A call that went astray leads to where nothing is known of the stack: who would be returned to stands on
/// top of it.
bool step_out_of_unknown_code(CONTEXT& context) noexcept {
  const auto* const top = reinterpret_cast<const DWORD64*>(context.Rsp);
  DWORD64 base = 0;
  DWORD64 caller = 0;
  SIZE_T count = 0;
  if (::ReadProcessMemory(::GetCurrentProcess(), top, &caller, sizeof caller, &count) == 0) return false;
  if (::RtlLookupFunctionEntry(caller, &base, nullptr) == nullptr) return false;
  context.Rip = caller;
  context.Rsp += sizeof caller;
  return true;
}

void write_stack(const CONTEXT& crashed) noexcept {
  static CONTEXT context;  // there may be little room on the stack
  context = crashed;
  for (bool first = true;; first = false) {
    // A return address may belong to the next function already, if the call never returns.
    const DWORD64 address = first ? context.Rip : context.Rip - 1;
    if (context.Rip == 0 || !add_frame(address)) return;
    DWORD64 base = 0;
    PRUNTIME_FUNCTION const function = ::RtlLookupFunctionEntry(address, &base, nullptr);
    if (function == nullptr) {
      if (!first || !step_out_of_unknown_code(context)) return;
      continue;
    }
    void* data = nullptr;
    DWORD64 frame = 0;
    const DWORD64 before = context.Rsp;
    ::RtlVirtualUnwind(UNW_FLAG_NHANDLER, base, address, function, &context, &data, &frame, nullptr);
    if (context.Rsp <= before) return;  // a stack that was written over
  }
}

/// UTF-8 into the area; false if it does not fit.
bool write_path(HMODULE module, detail::CrashImage& image) noexcept {
  static wchar_t path[detail::longest_image_path];
  const DWORD length = ::GetModuleFileNameW(module, path, detail::longest_image_path);
  if (length == 0 || length >= detail::longest_image_path) return false;
  const int bytes = ::WideCharToMultiByte(CP_UTF8, 0, path, static_cast<int>(length), image.path,
                                          static_cast<int>(sizeof image.path), nullptr, nullptr);
  image.path_length = static_cast<std::uint32_t>(std::max(bytes, 0));
  return bytes > 0;
}

void write_images() noexcept {
  const std::uint32_t frames = area->frame_count.load(std::memory_order_relaxed);
  std::uint32_t images = 0;
  for (std::uint32_t i = 0; i < frames && images < detail::most_crash_images; ++i) {
    const std::uint64_t address = area->frames[i];
    const auto* const known = std::find_if(area->images, area->images + images, [address](const auto& image) {
      return address >= image.begin && address < image.end;
    });
    if (known != area->images + images) continue;
    HMODULE module = nullptr;
    constexpr DWORD flags =
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    if (::GetModuleHandleExW(flags, reinterpret_cast<LPCWSTR>(static_cast<std::uintptr_t>(address)),
                             &module) == 0) {
      continue;
    }
    detail::CrashImage& image = area->images[images];
    const ImageStamp stamp = stamp_of_loaded(module);
    image.begin = image.base = reinterpret_cast<std::uintptr_t>(module);
    image.end = image.begin + stamp.size_of_image;
    image.build_id_length = sizeof stamp;
    std::memcpy(image.build_id, &stamp, sizeof stamp);
    if (!write_path(module, image)) continue;
    area->image_count.store(++images, std::memory_order_release);
  }
}

LONG WINAPI tell(EXCEPTION_POINTERS* exception) {
  if (exception->ExceptionRecord->ExceptionCode == thrown_by_msvc && filter_of_runtime != nullptr) {
    return filter_of_runtime(exception);
  }
  // Of two threads that crash one tells; and if telling crashes, that is the end of it.
  if (!crashing.exchange(true, std::memory_order_seq_cst)) {
    const EXCEPTION_RECORD& record = *exception->ExceptionRecord;
    area->cause = record.ExceptionCode;
    // Second of the parameters; the first is the kind of access.
    if (record.ExceptionCode == EXCEPTION_ACCESS_VIOLATION && record.NumberParameters >= 2) {
      area->fault_address = record.ExceptionInformation[1];
      area->has_fault_address = 1;
    }
    if (record.ExceptionCode == EXCEPTION_STACK_OVERFLOW) {
      add_frame(exception->ContextRecord->Rip);  // the walk needs more room than may be left
    } else {
      write_stack(*exception->ContextRecord);
    }
    write_images();
  }
  ::TerminateProcess(::GetCurrentProcess(), exception->ExceptionRecord->ExceptionCode);
  return EXCEPTION_CONTINUE_SEARCH;
}

}  // namespace

void report_crashes(std::span<std::byte> memory) noexcept {
  if (memory.size() < sizeof(detail::ChannelMemory)) return;
  area = &reinterpret_cast<detail::ChannelMemory*>(memory.data())->crash;
  ULONG room = 64 << 10;  // for the filter, when the stack has overflowed
  ::SetThreadStackGuarantee(&room);
  filter_of_runtime = ::SetUnhandledExceptionFilter(&tell);
}

}  // namespace procpool::win32
