// SPDX-License-Identifier: MIT
/// \file
/// The version of the headers. The build checks that it is the version of the CMake project.
#pragma once

#define PROCPOOL_VERSION_MAJOR 0
#define PROCPOOL_VERSION_MINOR 1
#define PROCPOOL_VERSION_PATCH 0
