# How every target of the project is compiled.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

option(PROOFLINE_TESTS "Build the tests" ON)
option(PROOFLINE_BENCH "Build the benchmarks" ON)
option(PROOFLINE_WERROR "Treat warnings as errors" ON)
set(PROOFLINE_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize takes them")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

# Paths relative to the checkout, so that one checkout's objects serve another's.
find_program(PROOFLINE_CCACHE ccache)
if(PROOFLINE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${PROOFLINE_CCACHE})
endif()

add_compile_options(-fno-omit-frame-pointer)
if(PROOFLINE_SANITIZE)
  add_compile_options(-fsanitize=${PROOFLINE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PROOFLINE_SANITIZE})
  if(PROOFLINE_SANITIZE STREQUAL "thread")
    # Debian's protobuf is built without ThreadSanitizer, under which its headers lay out maps differently: they must not
    # notice it. The second macro keeps libstdc++ aware of it.
    add_compile_options(-U__SANITIZE_THREAD__ -D_GLIBCXX_TSAN=1)
  endif()
endif()

# Sets the project's warnings on a target of its own (never on generated code).
# Designated initialisers leave the members they do not name at their defaults on purpose.
function(proofline_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast
                                           -Wunused -Woverloaded-virtual -Wno-missing-field-initializers)
  if(PROOFLINE_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

# proofline_library(NAME SOURCES a.cpp … DEPS lib …): a static library of the project; DEPS are public.
function(proofline_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC "${CMAKE_SOURCE_DIR}")
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
  proofline_warnings(${name})
endfunction()

# proofline_program(NAME SOURCES a.cpp … DEPS lib …): an executable in bin/.
function(proofline_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
  proofline_warnings(${name})
endfunction()

# proofline_test(NAME SOURCES a_test.cpp … DEPS lib … [TIMEOUT seconds]): one Catch2 program whose cases ctest runs one
# by one. A case may take TIMEOUT seconds (default 60).
function(proofline_test name)
  cmake_parse_arguments(ARG "SERIAL" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  if(PROOFLINE_SANITIZE)
    # Several times slower, and more so where everything is compiled with little optimisation.
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 5")
  endif()
  proofline_program(${name} SOURCES ${ARG_SOURCES} DEPS ${ARG_DEPS} proofline_catch)
  set(properties TIMEOUT ${ARG_TIMEOUT})
  if(ARG_SERIAL)
    list(APPEND properties RUN_SERIAL TRUE)
  endif()
  if(ARG_LABELS)
    list(APPEND properties LABELS ${ARG_LABELS})
  endif()
  catch_discover_tests(${name} TEST_PREFIX "${name}: " PROPERTIES ${properties})
endfunction()
