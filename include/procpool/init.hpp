// SPDX-License-Identifier: MIT
/// \file
/// init: lets a program be its own worker.
#pragma once

#include <procpool/export.hpp>

namespace procpool {

/// To be called as the first statement of `main`, on its thread, before there are other threads:
///
///     int main(int argc, char** argv) {
///       procpool::init(argc, argv);
///
/// In a program that its user started it notes that it was called, and returns. In one that procpool started
/// as a worker it does the worker's work and ends the process; what follows in `main` is never run there.
/// Without it the backends that run the program anew throw NotInitializedError. Calling it again does
/// nothing.
///
/// The other two are for Windows programs whose entry point is wmain or WinMain. There the command line of
/// the process counts, not the arguments.
PROCPOOL_EXPORT void init(int argc, char** argv);
PROCPOOL_EXPORT void init(int argc, wchar_t** argv);
PROCPOOL_EXPORT void init();

namespace detail {

/// True once init() has been called in this process or in one that it was forked from.
[[nodiscard]] PROCPOOL_EXPORT bool initialized() noexcept;

/// True if procpool started this process as a worker and its `main` has not called init(). A pool must not be
/// made then: it would start the program again, and that one again.
[[nodiscard]] PROCPOOL_EXPORT bool is_unclaimed_worker() noexcept;

}  // namespace detail
}  // namespace procpool
