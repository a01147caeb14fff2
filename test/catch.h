// Catch2 under either of its two header layouts (v2 in Debian 12, v3 in Debian 13).
#pragma once

#if PROOFLINE_CATCH2_MAJOR >= 3
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
