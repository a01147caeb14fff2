// Catch2 v2 compiles its runner here, once for all test programs; v3 brings its own.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
