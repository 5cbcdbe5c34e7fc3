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
sluice_external(lmdb lmdb.h lmdb)
sluice_external(xxhash xxhash.h xxhash)
sluice_external(mimalloc mimalloc.h mimalloc)
