# Build rules shared by every module.
#
#   storagepool_module(settings
#     SOURCES settings.cc            explicit, never globbed
#     DEPENDS storagepool::runtime   other modules or imported targets
#     TESTS settings_test.cc         no I/O; tier "unit"
#     PGTESTS settings_pgtest.cc     real PostgreSQL; tier "postgres"
#     BENCHMARKS x_benchmark.cc      built by the target `benchmarks`, run by hack/bench
#     TEST_DEPENDS ...)              linked to the tests only
#
#   storagepool_fuzz(event_fuzz.cc DEPENDS storagepool::event)   a fuzz target, its kept inputs in corpus/event/
#                                  [MUTATIONS n]: how many the unit tests try of them
#
#   storagepool_program(datastorage SOURCES main.cc DEPENDS storagepool::service)
#   storagepool_e2e(NAME SOURCES ... DEPENDS ...)   scenarios on a cluster; tier "e2e"
#
# Every test binary is one CTest test with a label naming its tier and writes its results as JUnit XML under
# <build>/test-results/<tier>/, from which `hack/test` counts the cases.

include(GNUInstallDirs)

set(STORAGEPOOL_SANITIZE "" CACHE STRING "Sanitizers to build with, as -fsanitize= takes them")
option(STORAGEPOOL_FUZZ "Build fuzz targets with libFuzzer instead of as unit tests (needs Clang)" OFF)

add_library(storagepool_flags INTERFACE)
target_compile_features(storagepool_flags INTERFACE cxx_std_20)
target_include_directories(storagepool_flags INTERFACE "${CMAKE_SOURCE_DIR}")
# GCC 12 takes the frame of a coroutine for freed by another allocator than it came from (GCC bug 109224).
target_compile_options(storagepool_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror
                                                   -Wno-mismatched-new-delete -fno-omit-frame-pointer)
target_compile_definitions(storagepool_flags INTERFACE BOOST_ASIO_NO_DEPRECATED
                                                       STORAGEPOOL_VERSION="${PROJECT_VERSION}")
if(STORAGEPOOL_SANITIZE)
  # What may be uninitialised is the release build's to warn of: GCC 12 cannot tell it through a sanitizer's code.
  target_compile_options(storagepool_flags INTERFACE "-fsanitize=${STORAGEPOOL_SANITIZE}" -fno-sanitize-recover=all
                                                     $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(storagepool_flags INTERFACE "-fsanitize=${STORAGEPOOL_SANITIZE}")
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

function(_storagepool_test tier timeout source)
  cmake_parse_arguments(PARSE_ARGV 3 T "" "" "DEPENDS")
  get_filename_component(base "${source}" NAME_WE)
  get_filename_component(folder "${CMAKE_CURRENT_SOURCE_DIR}" NAME)
  set(target "${folder}_${base}")
  add_executable("${target}" "${source}")
  target_link_libraries("${target}" PRIVATE storagepool_flags ${T_DEPENDS} GTest::gmock GTest::gtest_main
                                            Threads::Threads storagepool_test_flags)
  add_test(NAME "${target}"
           COMMAND "${target}" --gtest_shuffle
                   "--gtest_output=xml:${CMAKE_BINARY_DIR}/test-results/${tier}/${target}.xml")
  set_tests_properties("${target}" PROPERTIES LABELS "${tier}" TIMEOUT "${timeout}")
  # `<module>_tests` builds the tests of one module, for the sanitizer runs that cover only some.
  if(NOT TARGET "${folder}_tests")
    add_custom_target("${folder}_tests")
  endif()
  add_dependencies("${folder}_tests" "${target}")
endfunction()

function(storagepool_module name)
  cmake_parse_arguments(PARSE_ARGV 1 M "" "" "SOURCES;DEPENDS;TESTS;PGTESTS;BENCHMARKS;TEST_DEPENDS")
  if(M_SOURCES)
    add_library("storagepool_${name}" STATIC ${M_SOURCES})
    target_link_libraries("storagepool_${name}" PUBLIC storagepool_flags ${M_DEPENDS})
  else()
    add_library("storagepool_${name}" INTERFACE)
    target_link_libraries("storagepool_${name}" INTERFACE storagepool_flags ${M_DEPENDS})
  endif()
  add_library("storagepool::${name}" ALIAS "storagepool_${name}")
  foreach(source IN LISTS M_TESTS)
    _storagepool_test(unit 300 "${source}" DEPENDS "storagepool::${name}" ${M_TEST_DEPENDS})
  endforeach()
  foreach(source IN LISTS M_PGTESTS)
    _storagepool_test(postgres 600 "${source}" DEPENDS "storagepool::${name}" ${M_TEST_DEPENDS})
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

add_custom_target(benchmarks)

function(storagepool_program name)
  cmake_parse_arguments(PARSE_ARGV 1 P "" "" "SOURCES;DEPENDS")
  add_executable("${name}" ${P_SOURCES})
  target_link_libraries("${name}" PRIVATE storagepool_flags ${P_DEPENDS})
  install(TARGETS "${name}" RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endfunction()

function(storagepool_e2e)
  cmake_parse_arguments(PARSE_ARGV 0 E "" "" "TESTS;DEPENDS")
  foreach(source IN LISTS E_TESTS)
    _storagepool_test(e2e 900 "${source}" DEPENDS ${E_DEPENDS})
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
  get_filename_component(folder "${CMAKE_CURRENT_SOURCE_DIR}" NAME)
  string(REGEX REPLACE "_fuzz$" "" name "${base}")
  set(target "${folder}_${base}")
  add_executable("${target}" "${source}")
  target_link_libraries("${target}" PRIVATE storagepool_flags ${F_DEPENDS})
  add_dependencies(fuzzers "${target}")
  if(STORAGEPOOL_FUZZ)
    target_link_options("${target}" PRIVATE -fsanitize=fuzzer)
    set_target_properties("${target}" PROPERTIES
                          RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/fuzzers/${folder}/${name}")
    return()
  endif()
  target_link_libraries("${target}" PRIVATE storagepool::fuzzing)
  add_test(NAME "${target}"
           COMMAND "${target}" "--gtest_output=xml:${CMAKE_BINARY_DIR}/test-results/unit/${target}.xml"
                   "${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name}" "${F_MUTATIONS}"
                   "${CMAKE_CURRENT_BINARY_DIR}/${target}.input")
  set_tests_properties("${target}" PROPERTIES LABELS unit TIMEOUT 300)
  if(NOT TARGET "${folder}_tests")
    add_custom_target("${folder}_tests")
  endif()
  add_dependencies("${folder}_tests" "${target}")
endfunction()
