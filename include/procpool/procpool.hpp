// SPDX-License-Identifier: MIT
/// \file
/// All of procpool.
#pragma once

#include <procpool/codec.hpp>
#include <procpool/errors.hpp>
#include <procpool/exception.hpp>
#include <procpool/exit_status.hpp>
#include <procpool/init.hpp>
#include <procpool/memory_size.hpp>
#include <procpool/options.hpp>
#include <procpool/pool.hpp>
#include <procpool/process_backend.hpp>
#include <procpool/result.hpp>
#include <procpool/result_iterator.hpp>
#include <procpool/semaphore.hpp>
#include <procpool/stack_frame.hpp>
#include <procpool/stats.hpp>
#include <procpool/task.hpp>
#include <procpool/this_task.hpp>
#include <procpool/types.hpp>
#include <procpool/version.hpp>
