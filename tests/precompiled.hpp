// SPDX-License-Identifier: MIT
/// \file
/// What every test includes, precompiled where PROCPOOL_FAST_BUILD is on. No file includes it.
#pragma once

#include <procpool/procpool.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>
