# What sluice links from outside, as tools/setup installs it.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
include(GoogleTest)

# sluice_external(NAME HEADER LIBRARY): a library without a CMake package, as sluice::NAME.
function(sluice_external name header library)
  find_path(SLUICE_${name}_INCLUDE ${header} REQUIRED)
  find_library(SLUICE_${name}_LIBRARY ${library} REQUIRED)
  add_library(sluice::${name} UNKNOWN IMPORTED)
  set_target_properties(sluice::${name} PROPERTIES
    IMPORTED_LOCATION ${SLUICE_${name}_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${SLUICE_${name}_INCLUDE})
endfunction()
sluice_external(uring liburing.h uring)
sluice_external(cares ares.h cares)
sluice_external(lmdb lmdb.h lmdb)
sluice_external(xxhash xxhash.h xxhash)
sluice_external(mimalloc mimalloc.h mimalloc)
sluice_external(argon2 argon2.h argon2)

# Boost: headers only.
find_path(SLUICE_boost_INCLUDE boost/beast/http/parser.hpp REQUIRED)
add_library(sluice::boost INTERFACE IMPORTED)
target_include_directories(sluice::boost SYSTEM INTERFACE ${SLUICE_boost_INCLUDE})

# wolfSSL: the one that tools/setup built with assembly, or the system's with SLUICE_SYSTEM_WOLFSSL.
option(SLUICE_SYSTEM_WOLFSSL "Link the system's wolfSSL instead of the one that tools/setup builds" OFF)
set(SLUICE_WOLFSSL_ROOT ${PROJECT_SOURCE_DIR}/build/deps/wolfssl CACHE PATH "Where tools/setup put wolfSSL")
if(SLUICE_SYSTEM_WOLFSSL)
  sluice_external(wolfssl wolfssl/ssl.h wolfssl)
else()
  if(NOT EXISTS ${SLUICE_WOLFSSL_ROOT}/lib/libwolfssl.a)
    message(FATAL_ERROR "wolfSSL is not in ${SLUICE_WOLFSSL_ROOT}: run tools/setup, or configure with "
      "-DSLUICE_SYSTEM_WOLFSSL=ON to link the system's, which is slower")
  endif()
  add_library(sluice::wolfssl STATIC IMPORTED)
  set_target_properties(sluice::wolfssl PROPERTIES
    IMPORTED_LOCATION ${SLUICE_WOLFSSL_ROOT}/lib/libwolfssl.a
    INTERFACE_INCLUDE_DIRECTORIES ${SLUICE_WOLFSSL_ROOT}/include
    INTERFACE_LINK_LIBRARIES "Threads::Threads;m")
endif()
