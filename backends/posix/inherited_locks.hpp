// SPDX-License-Identifier: MIT
/// \file
/// Locks that a forked child may find locked: threads of the host had them when it forked, and the child has
/// no copies of those threads to give them back.
///
/// Each function takes locks and gives them back. It returns at once if they are free, and else never.
#pragma once

namespace procpool::posix {

/// The one of dl_iterate_phdr(3), which glibc does not free in a child, and which older unwinders and LLVM's
/// take for each exception.
void try_lock_of_images();

/// What tasks are likely to need of the C library: the locks of the time zone (localtime), the environment
/// (setenv), the locale, random numbers and syslog, which glibc does not free in a child, and those of the
/// output streams, which musl does not free. The state that they guard stays as it is.
void try_locks_of_c_library() noexcept;

}  // namespace procpool::posix
