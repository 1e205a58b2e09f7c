# What belongs to the sweeps and is not one of the suite's programs.

# The full products, which take minutes.
foreach(sweep sweep_joint sweep_scribbler sweep_writes)
  add_test(NAME process/${sweep}_long
    COMMAND ferrule-process --source-file=*/process/${sweep}.cpp --test-case=long:* --no-skip)
  set_tests_properties(process/${sweep}_long PROPERTIES
    LABELS long
    TIMEOUT 1800
    FAIL_REGULAR_EXPRESSION "test cases: +0 ")
endforeach()

# Twenty gigabytes, or as many as FERRULE_SOAK_GIB says.
add_test(NAME process/soak_long
  COMMAND ferrule-process --source-file=*/process/soak.cpp --test-case=long:* --no-skip --no-skipped-summary)
set_tests_properties(process/soak_long PROPERTIES
  LABELS long
  TIMEOUT 1800
  FAIL_REGULAR_EXPRESSION "test cases: +0 ")

# Each word of a peer's is loaded once at most, whatever the compiler makes of it. Sanitizers load for themselves.
if(NOT FERRULE_SANITIZE)
  foreach(level 0 1 2 3)
    add_executable(ferrule-single-fetch-O${level} process/single_fetch.cpp)
    target_link_libraries(ferrule-single-fetch-O${level} PRIVATE ferrule_development)
    target_compile_options(ferrule-single-fetch-O${level} PRIVATE -O${level})
    add_test(NAME process/single_fetch_O${level} COMMAND ferrule-single-fetch-O${level})
    set_tests_properties(process/single_fetch_O${level} PROPERTIES LABELS process TIMEOUT 120)
  endforeach()
endif()
