# ferrule_development: how our own programs are built. Nothing here ever reaches the exported target.
set(FERRULE_SANITIZE "" CACHE STRING "Sanitizers for our own programs, as for -fsanitize= (address,undefined / thread / fuzzer)")
option(FERRULE_WARNINGS_AS_ERRORS "Warnings in our own programs are errors" ON)

find_package(Threads REQUIRED)

add_library(ferrule_development INTERFACE)
target_link_libraries(ferrule_development INTERFACE ferrule::ferrule Threads::Threads)

target_compile_options(ferrule_development INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast -Wcast-align -Wcast-qual
  -Wnon-virtual-dtor -Woverloaded-virtual -Wdouble-promotion -Wformat=2 -Wextra-semi -Wundef -Wmissing-declarations
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wuseless-cast>
  $<$<CXX_COMPILER_ID:Clang>:-Wunreachable-code -Wimplicit-fallthrough>
  $<$<BOOL:${FERRULE_WARNINGS_AS_ERRORS}>:-Werror>)

if(FERRULE_SANITIZE)
  target_compile_options(ferrule_development INTERFACE
    -fsanitize=${FERRULE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(ferrule_development INTERFACE -fsanitize=${FERRULE_SANITIZE})
endif()
