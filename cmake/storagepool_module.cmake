# Build rules shared by every module.
#
#   storagepool_module(settings
#     SOURCES settings.cc            explicit, never globbed
#     DEPENDS storagepool::runtime   other modules or imported targets
#     TESTS settings_test.cc         no I/O; tier "unit"
#     PGTESTS settings_pgtest.cc     real PostgreSQL; tier "postgres"
#     ALONE crash_test.cc            what needs a binary of its own, because it forks, dies, takes signals
#                                  or is told more by the compiler
#     BENCHMARKS x_benchmark.cc      built by the target `benchmarks`, run by hack/bench
#     TEST_DEPENDS ...)              linked to the tests only
#
#   storagepool_plant(mutants mutations.txt ../recording.cc)   copies of sources with the faults of a list built in; beside
#                                  the room's library all of its sources, which its objects hold together
#
#   storagepool_fuzz(event_fuzz.cc DEPENDS storagepool::event)   a fuzz target, its kept inputs in corpus/event/
#                                  [MUTATIONS n]: how many the unit tests try of them
#
#   storagepool_program(datastorage SOURCES main.cc DEPENDS storagepool::service)
#   storagepool_e2e(TESTS ... DEPENDS ...)   scenarios on a cluster; tier "e2e", or the one that TIER names
#   _storagepool_tests(x_e2etest control-plane 900 SOURCES ... DEPENDS ...)   beside an API server of their own; that tier
#   _storagepool_tests(x_packagetest package 900 SOURCES ... DEPENDS ...)   judged by tools of hack/tools/build; that tier
#
# A room has one test binary for each tier, `<room>_test` and `<room>_pgtest`, where the room is its path below pool/ or
# operator/ with `_` for `/` and without `common`: http_test, engine_core_test, ingest_pgtest; and `<room>_<file>` for what
# is ALONE. Every CTest test has a label naming its tier and writes its results as JUnit XML under
# <build>/test-results/<tier>/, from which `hack/test` counts the cases.

include(GNUInstallDirs)

set(STORAGEPOOL_SANITIZE "" CACHE STRING "Sanitizers to build with, as -fsanitize= takes them")
option(STORAGEPOOL_FUZZ "Build fuzz targets with libFuzzer instead of as unit tests (needs Clang)" OFF)

add_library(storagepool_plain_flags INTERFACE) # without sanitizers
add_library(storagepool_flags INTERFACE)
target_link_libraries(storagepool_flags INTERFACE storagepool_plain_flags)
target_compile_features(storagepool_plain_flags INTERFACE cxx_std_20)
target_include_directories(storagepool_plain_flags INTERFACE "${CMAKE_SOURCE_DIR}")
# GCC 12 takes the frame of a coroutine for freed by another allocator than it came from (GCC bug 109224).
target_compile_options(storagepool_plain_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror
                                                   -Wno-mismatched-new-delete -fno-omit-frame-pointer)
target_compile_definitions(storagepool_plain_flags INTERFACE BOOST_ASIO_NO_DEPRECATED
                                                       STORAGEPOOL_VERSION="${PROJECT_VERSION}")
if(STORAGEPOOL_SANITIZE)
  # What may be uninitialised is the release build's to warn of: GCC 12 cannot tell it through a sanitizer's code.
  target_compile_options(storagepool_flags INTERFACE "-fsanitize=${STORAGEPOOL_SANITIZE}" -fno-sanitize-recover=all
                                                     $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(storagepool_flags INTERFACE "-fsanitize=${STORAGEPOOL_SANITIZE}")
  # GNU ld takes three times as long for a sanitizer's code; what ships is linked by the system's linker.
  find_program(STORAGEPOOL_LLD ld.lld)
  if(STORAGEPOOL_LLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_link_options(storagepool_flags INTERFACE -fuse-ld=lld)
  endif()
endif()
if(STORAGEPOOL_SANITIZE MATCHES "undefined" AND NOT STORAGEPOOL_FUZZ)
  # The checks before each use of a pointer take a quarter of the compiler's time for little that AddressSanitizer does not
  # find too. The fuzz targets, which read the bytes of strangers, have them.
  target_compile_options(storagepool_flags INTERFACE -fno-sanitize=null,alignment,object-size,vptr)
endif()

# The tests' own code is mostly macros, which optimisation and UBSan's checks would take twice the time to compile.
add_library(storagepool_test_flags INTERFACE)
target_compile_options(storagepool_test_flags INTERFACE -O0)
if(STORAGEPOOL_SANITIZE MATCHES "undefined")
  target_compile_options(storagepool_test_flags INTERFACE -fno-sanitize=undefined)
endif()

# A room's path below pool/ or operator/, in one word: engine_core, http (of pool/common/http).
function(_storagepool_room result)
  file(RELATIVE_PATH room "${CMAKE_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}")
  string(REGEX REPLACE "^(pool/common|pool|operator)/" "" room "${room}")
  string(REPLACE "/" "_" room "${room}")
  set("${result}" "${room}" PARENT_SCOPE)
endfunction()

# Takes the code of the JSON library from an optimized copy (pool/common/json/quick_json.cc), which the linker sees first.
function(storagepool_quick_json target)
  target_link_options("${target}" PRIVATE "$<TARGET_OBJECTS:storagepool_quick_json>")
  set_property(TARGET "${target}" APPEND PROPERTY LINK_DEPENDS "$<TARGET_OBJECTS:storagepool_quick_json>")
  add_dependencies("${target}" storagepool_quick_json)
endfunction()

# `<room>_tests` builds all tests of a room, for the sanitizer runs that cover only some.
function(_storagepool_add_to_room room target)
  if(NOT TARGET "${room}_tests")
    add_custom_target("${room}_tests")
  endif()
  add_dependencies("${room}_tests" "${target}")
endfunction()

# Gives a target sources that include up to six of the given ones each: most of a compilation is the headers, which the
# files of a room share. CMake's own unity build names them by their whole path, which the tests' macros repeat, so that
# the compiler's cache would serve one checkout alone. What is made in the build folder stays apart, and so does a source
# with SKIP_UNITY_BUILD_INCLUSION. Names of a room's anonymous namespaces are distinct, therefore.
function(_storagepool_unite target)
  set(together)
  set(apart)
  foreach(source IN LISTS ARGN)
    get_source_file_property(is_apart "${source}" SKIP_UNITY_BUILD_INCLUSION)
    get_filename_component(path "${source}" ABSOLUTE)
    file(RELATIVE_PATH from_build "${CMAKE_BINARY_DIR}" "${path}")
    file(RELATIVE_PATH path "${CMAKE_SOURCE_DIR}" "${path}")
    if(is_apart OR NOT from_build MATCHES "^\\.\\./")
      list(APPEND apart "${source}")
    else()
      list(APPEND together "#include \"${path}\"\n")
    endif()
  endforeach()
  list(LENGTH together count)
  set(first 0)
  while(first LESS count)
    list(SUBLIST together "${first}" 6 batch)
    string(CONCAT text ${batch})
    set(file "${CMAKE_CURRENT_BINARY_DIR}/${target}_from_${first}.cc")
    file(CONFIGURE OUTPUT "${file}" CONTENT "${text}" @ONLY)
    target_sources("${target}" PRIVATE "${file}")
    math(EXPR first "${first} + 6")
  endwhile()
  target_sources("${target}" PRIVATE ${apart})
  # Never built: lists each file by itself in compile_commands.json, for clang-tidy and editors.
  add_library("${target}_files" OBJECT EXCLUDE_FROM_ALL ${ARGN})
  foreach(property LINK_LIBRARIES COMPILE_DEFINITIONS COMPILE_OPTIONS INCLUDE_DIRECTORIES)
    set_property(TARGET "${target}_files" PROPERTY "${property}" "$<TARGET_PROPERTY:${target},${property}>")
  endforeach()
endfunction()

# Makes the tests of one binary as many CTest tests as it has source files, each a part of the suites in a process of its
# own, so that none of them is what all others wait for.
function(_storagepool_tests target tier timeout)
  cmake_parse_arguments(PARSE_ARGV 3 T "" "" "SOURCES;DEPENDS")
  list(LENGTH T_SOURCES shards)
  if(shards EQUAL 1)
    add_executable("${target}" ${T_SOURCES})
  else()
    add_executable("${target}")
    _storagepool_unite("${target}" ${T_SOURCES})
  endif()
  target_link_libraries("${target}"
                        PRIVATE storagepool_flags ${T_DEPENDS} storagepool::test_main storagepool_test_flags)
  set(results "${CMAKE_BINARY_DIR}/test-results/${tier}")
  foreach(shard RANGE 1 "${shards}")
    math(EXPR index "${shard} - 1")
    set(test "${target}_${shard}")
    set(part "--shard=${index}/${shards}")
    if(shards EQUAL 1)
      set(test "${target}")
      set(part)
    endif()
    add_test(NAME "${test}"
             COMMAND "${target}" ${part} --gtest_shuffle "--gtest_output=xml:${results}/${test}.xml")
    set_tests_properties("${test}" PROPERTIES LABELS "${tier}" TIMEOUT "${timeout}")
  endforeach()
  _storagepool_room(room)
  _storagepool_add_to_room("${room}" "${target}")
endfunction()

function(storagepool_module name)
  cmake_parse_arguments(PARSE_ARGV 1 M "" "" "SOURCES;DEPENDS;TESTS;PGTESTS;ALONE;BENCHMARKS;TEST_DEPENDS")
  list(LENGTH M_SOURCES count)
  if(count GREATER 1)
    add_library("storagepool_${name}" STATIC)
    _storagepool_unite("storagepool_${name}" ${M_SOURCES})
    # GCC takes what an included source has to itself for something that a header tells others.
    target_compile_options("storagepool_${name}" PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
    target_link_libraries("storagepool_${name}" PUBLIC storagepool_flags ${M_DEPENDS})
  elseif(count EQUAL 1)
    add_library("storagepool_${name}" STATIC ${M_SOURCES})
    target_link_libraries("storagepool_${name}" PUBLIC storagepool_flags ${M_DEPENDS})
  else()
    add_library("storagepool_${name}" INTERFACE)
    target_link_libraries("storagepool_${name}" INTERFACE storagepool_flags ${M_DEPENDS})
  endif()
  add_library("storagepool::${name}" ALIAS "storagepool_${name}")
  _storagepool_room(room)
  set(depends DEPENDS "storagepool::${name}" ${M_TEST_DEPENDS})
  if(M_TESTS)
    _storagepool_tests("${room}_test" unit 900 SOURCES ${M_TESTS} ${depends})
  endif()
  if(M_PGTESTS)
    _storagepool_tests("${room}_pgtest" postgres 900 SOURCES ${M_PGTESTS} ${depends})
  endif()
  foreach(source IN LISTS M_ALONE)
    get_filename_component(base "${source}" NAME_WE)
    if(base MATCHES "_pgtest$")
      _storagepool_tests("${room}_${base}" postgres 900 SOURCES "${source}" ${depends})
    else()
      _storagepool_tests("${room}_${base}" unit 900 SOURCES "${source}" ${depends})
    endif()
  endforeach()
  foreach(source IN LISTS M_BENCHMARKS)
    get_filename_component(base "${source}" NAME_WE)
    add_executable("${name}_${base}" EXCLUDE_FROM_ALL "${source}")
    target_link_libraries("${name}_${base}" PRIVATE storagepool_flags "storagepool::${name}" ${M_TEST_DEPENDS}
                                                      benchmark::benchmark_main)
    set_target_properties("${name}_${base}" PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/benchmarks")
    add_dependencies(benchmarks "${name}_${base}")
  endforeach()
endfunction()

function(storagepool_plant result mutations)
  set(plant "${CMAKE_SOURCE_DIR}/cmake/plant")
  set(planted)
  foreach(given IN LISTS ARGN)
    get_filename_component(source "${given}" ABSOLUTE)
    get_filename_component(name "${given}" NAME)
    set(copy "${CMAKE_CURRENT_BINARY_DIR}/${name}")
    add_custom_command(OUTPUT "${copy}" COMMAND "${plant}" "${mutations}" "${source}" "${copy}"
                       DEPENDS "${plant}" "${mutations}" "${source}" VERBATIM)
    list(APPEND planted "${copy}")
  endforeach()
  set("${result}" ${planted} PARENT_SCOPE)
endfunction()

add_custom_target(benchmarks)

function(storagepool_program name)
  cmake_parse_arguments(PARSE_ARGV 1 P "" "" "SOURCES;DEPENDS")
  add_executable("${name}" ${P_SOURCES})
  target_link_libraries("${name}" PRIVATE storagepool_flags ${P_DEPENDS})
  install(TARGETS "${name}" RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endfunction()

function(storagepool_e2e)
  cmake_parse_arguments(PARSE_ARGV 0 E "" "TIER" "TESTS;DEPENDS")
  if(NOT E_TIER)
    set(E_TIER e2e)
  endif()
  foreach(source IN LISTS E_TESTS)
    get_filename_component(base "${source}" NAME_WE)
    _storagepool_tests("${E_TIER}_${base}" "${E_TIER}" 900 SOURCES "${source}" DEPENDS ${E_DEPENDS})
  endforeach()
endfunction()

# Under libFuzzer with the preset `fuzz` (hack/fuzz runs it); otherwise a unit test that replays the kept inputs and
# tries the same mutations of them every time.
add_custom_target(fuzzers)

function(storagepool_fuzz source)
  cmake_parse_arguments(PARSE_ARGV 1 F "" "MUTATIONS" "DEPENDS")
  if(NOT F_MUTATIONS)
    set(F_MUTATIONS 5000)
  endif()
  get_filename_component(base "${source}" NAME_WE)
  _storagepool_room(room)
  string(REGEX REPLACE "_fuzz$" "" name "${base}")
  set(target "${room}_${base}")
  add_executable("${target}" "${source}")
  target_link_libraries("${target}" PRIVATE storagepool_flags ${F_DEPENDS})
  add_dependencies(fuzzers "${target}")
  if(STORAGEPOOL_FUZZ)
    target_link_options("${target}" PRIVATE -fsanitize=fuzzer)
    set_target_properties("${target}" PROPERTIES
                          RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/fuzzers/${room}/${name}")
    return()
  endif()
  target_link_libraries("${target}" PRIVATE storagepool::fuzzing)
  add_test(NAME "${target}"
           COMMAND "${target}" "--gtest_output=xml:${CMAKE_BINARY_DIR}/test-results/unit/${target}.xml"
                   "${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name}" "${F_MUTATIONS}"
                   "${CMAKE_CURRENT_BINARY_DIR}/${target}.input")
  set_tests_properties("${target}" PROPERTIES LABELS unit TIMEOUT 900)
  _storagepool_add_to_room("${room}" "${target}")
endfunction()
