# ferrule_suite(<folder> SOURCES <folder>/a.cpp ...): the program ferrule-<folder>, and a test <folder>/a for each file.
add_library(ferrule_doctest_main STATIC support/main.cpp)
target_include_directories(ferrule_doctest_main SYSTEM PUBLIC ${FERRULE_DOCTEST_INCLUDE})
# Half the compile time of the tests is in doctest's assertions otherwise.
target_compile_definitions(ferrule_doctest_main PUBLIC DOCTEST_CONFIG_SUPER_FAST_ASSERTS)
target_link_libraries(ferrule_doctest_main PUBLIC ferrule_development)
# g++ 12 at -O3 suspects a literal + a std::string (its bug 105651).
target_compile_options(ferrule_doctest_main PUBLIC $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)

function(ferrule_suite folder)
  cmake_parse_arguments(suite "" "" SOURCES ${ARGN})
  add_executable(ferrule-${folder} ${suite_SOURCES})
  target_link_libraries(ferrule-${folder} PRIVATE ferrule_doctest_main)
  foreach(source IN LISTS suite_SOURCES)
    string(REGEX REPLACE "\\.cpp$" "" name ${source})
    add_test(NAME ${name} COMMAND ferrule-${folder} --source-file=*/tests/${source} --no-skipped-summary)
    set_tests_properties(${name} PROPERTIES
      LABELS ${folder}
      TIMEOUT 300
      # A file whose tests were all filtered away, or renamed, must not pass.
      FAIL_REGULAR_EXPRESSION "test cases: +0 ")
  endforeach()
endfunction()
