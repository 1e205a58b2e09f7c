# What belongs to the sweeps and is not one of the suite's programs.

# The full products, which take minutes.
foreach(sweep sweep_scribbler sweep_writes)
  add_test(NAME process/${sweep}_long
    COMMAND ferrule-process --source-file=*/process/${sweep}.cpp --test-case=long:* --no-skip)
  set_tests_properties(process/${sweep}_long PROPERTIES
    LABELS long
    TIMEOUT 1800
    FAIL_REGULAR_EXPRESSION "test cases: +0 ")
endforeach()
