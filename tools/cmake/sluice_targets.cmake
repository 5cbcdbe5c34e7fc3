# How sluice declares its targets: warnings, hardening, sanitizers, and the table of edges.

option(SLUICE_WARNINGS_AS_ERRORS "Treat warnings as errors" OFF)
option(SLUICE_FUZZING "Build the fuzz targets with libFuzzer instead of the corpus replay" OFF)
set(SLUICE_SANITIZER "" CACHE STRING "Value of -fsanitize=, empty for none")

# The table of edges: what each folder's library may link (docs/architecture.md).
set(SLUICE_EDGES_core "")
set(SLUICE_EDGES_tls core)
set(SLUICE_EDGES_smtp core tls)
set(SLUICE_EDGES_spool core)
set(SLUICE_EDGES_shaping core)
set(SLUICE_EDGES_relay core tls smtp spool shaping)
set(SLUICE_EDGES_commands core tls smtp spool shaping relay)

add_library(sluice_options INTERFACE)
target_include_directories(sluice_options INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/tools/sluice)
target_compile_options(sluice_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-qual -Wformat=2 -Wimplicit-fallthrough
  -fstack-protector-strong -fno-omit-frame-pointer)
target_compile_definitions(sluice_options INTERFACE _GLIBCXX_ASSERTIONS SLUICE_VERSION="${PROJECT_VERSION}")
target_link_options(sluice_options INTERFACE -pie -Wl,-z,relro,-z,now)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_link_options(sluice_options INTERFACE -fuse-ld=lld)
endif()
if(SLUICE_WARNINGS_AS_ERRORS)
  target_compile_options(sluice_options INTERFACE -Werror)
endif()
if(SLUICE_SANITIZER)
  # Without vptr: it opens a pipe for each type that it sees first, and takes the object for none at
  # all where descriptors have run out, which tests bring about.
  target_compile_options(sluice_options INTERFACE
    -fsanitize=${SLUICE_SANITIZER} -fno-sanitize=vptr -fno-sanitize-recover=all -O1)
  target_link_options(sluice_options INTERFACE -fsanitize=${SLUICE_SANITIZER})
endif()
if(SLUICE_FUZZING)
  target_compile_options(sluice_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# sluice_library(FOLDER SOURCES file... [LINKS folder...] [EXTERNAL target...])
# Declares the library of a folder; a LINKS entry that the table lacks ends the configuration.
function(sluice_library folder)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SOURCES;LINKS;EXTERNAL")
  add_library(sluice_${folder} STATIC ${ARG_SOURCES})
  target_link_libraries(sluice_${folder} PUBLIC sluice_options)
  foreach(edge IN LISTS ARG_LINKS)
    if(NOT edge IN_LIST SLUICE_EDGES_${folder})
      message(FATAL_ERROR "The table of edges does not let ${folder}/ link ${edge}/ (tools/cmake/sluice_targets.cmake)")
    endif()
    target_link_libraries(sluice_${folder} PUBLIC sluice_${edge})
  endforeach()
  target_link_libraries(sluice_${folder} PRIVATE ${ARG_EXTERNAL})
  set_property(TARGET sluice_${folder} PROPERTY SLUICE_FOLDER ${folder})
  set_property(GLOBAL APPEND PROPERTY SLUICE_FOLDERS ${folder})
endfunction()

# Runs when everything is declared: a link made past sluice_library is held against the table too.
function(sluice_check_edges)
  get_property(folders GLOBAL PROPERTY SLUICE_FOLDERS)
  foreach(folder IN LISTS folders)
    get_target_property(links sluice_${folder} LINK_LIBRARIES)
    foreach(link IN LISTS links)
      string(REGEX REPLACE "^sluice_" "" edge ${link})
      if(edge IN_LIST folders AND NOT edge IN_LIST SLUICE_EDGES_${folder})
        message(FATAL_ERROR "The table of edges does not let ${folder}/ link ${edge}/ (tools/cmake/sluice_targets.cmake)")
      endif()
    endforeach()
  endforeach()
endfunction()
cmake_language(DEFER DIRECTORY ${PROJECT_SOURCE_DIR} CALL sluice_check_edges)

# sluice_program(NAME SOURCES file... LINKS library...): a program that is shipped.
function(sluice_program name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SOURCES;LINKS;EXTERNAL")
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE sluice_options ${ARG_LINKS} ${ARG_EXTERNAL})
  if(NOT SLUICE_SANITIZER)
    target_link_libraries(${name} PRIVATE sluice::mimalloc)
  endif()
  install(TARGETS ${name} RUNTIME DESTINATION bin)
endfunction()

# sluice_unit_tests(FOLDER SOURCES file... LINKS library...): the one test program of a folder.
# Its label is matched by `ctest -L unit` and `ctest -L FOLDER`; two labels do not get through discovery.
function(sluice_unit_tests folder)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SOURCES;LINKS;EXTERNAL")
  add_executable(${folder}_tests ${ARG_SOURCES})
  target_link_libraries(${folder}_tests PRIVATE sluice_options ${ARG_LINKS} ${ARG_EXTERNAL}
    GTest::gmock GTest::gtest GTest::gtest_main)
  gtest_discover_tests(${folder}_tests PROPERTIES LABELS "unit.${folder}" TIMEOUT 120 DISCOVERY_TIMEOUT 60)
endfunction()

# sluice_fuzzer(NAME SOURCES file... LINKS library...): NAME_fuzz over tests/corpus/NAME.
# With SLUICE_FUZZING it is a libFuzzer program; else it replays its corpus as a test.
function(sluice_fuzzer name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SOURCES;LINKS;EXTERNAL")
  add_executable(${name}_fuzz ${ARG_SOURCES})
  target_link_libraries(${name}_fuzz PRIVATE sluice_options ${ARG_LINKS} ${ARG_EXTERNAL})
  if(SLUICE_FUZZING)
    target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
    add_test(NAME fuzz.${name} COMMAND ${name}_fuzz -max_total_time=5 -rss_limit_mb=2048
      -artifact_prefix=${CMAKE_CURRENT_BINARY_DIR}/ ${CMAKE_CURRENT_BINARY_DIR}/${name}_found
      ${PROJECT_SOURCE_DIR}/tests/corpus/${name})
    file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/${name}_found)
  else()
    target_sources(${name}_fuzz PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.cc)
    add_test(NAME fuzz.${name} COMMAND ${name}_fuzz ${PROJECT_SOURCE_DIR}/tests/corpus/${name})
  endif()
  set_tests_properties(fuzz.${name} PROPERTIES LABELS "fuzz" TIMEOUT 120)
endfunction()
