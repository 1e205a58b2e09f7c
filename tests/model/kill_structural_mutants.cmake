# Builds every structural mutant and lets its programs look for it. Fails if one is not built, or not noticed.
execute_process(COMMAND ${CMAKE_COMMAND} --build ${BUILD} --target ferrule-mutants --parallel 2 RESULT_VARIABLE built
  OUTPUT_QUIET)
if(NOT built EQUAL 0)
  message(FATAL_ERROR "not every mutant could be built: does every patch in tests/model/mutants still apply?")
endif()

set(killed 0)
list(LENGTH MUTANTS total)
foreach(name IN LISTS MUTANTS)
  execute_process(COMMAND ${FOLDER}/ferrule-mutant-${name} --noticed
    RESULT_VARIABLE survived OUTPUT_VARIABLE witness OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(survived EQUAL 0)
    math(EXPR killed "${killed} + 1")
    message("killed   ${name}: ${witness}")
  else()
    message("SURVIVED ${name}: ${witness}")
  endif()
endforeach()
message("structural mutants killed: ${killed}/${total}")
if(NOT killed EQUAL total)
  message(FATAL_ERROR "not every mutant was noticed")
endif()
