# The mutants that no weaker order can express: a look left out, two lines swapped. Each is a patch of include/, against
# which the programs of the groups it names are built. A patch that no longer applies fails the build.
set(structural_mutants
  announced_behind_the_barrier
  announced_once
  announced_over_a_sibling
  any_cursor_believed
  closed_before_published
  closed_without_the_barrier
  closing_wakes_nobody
  counted_from_zero
  drained_after_the_look
  drained_nudges_nobody
  dying_while_armed
  epoch_noted_after_tcp_was_asked
  epoch_nudges_nobody
  every_fin_is_a_death
  gone_not_heard
  gone_without_a_byte
  held_wakes_forgotten_when_arming
  held_wakes_forgotten_when_closing
  held_wakes_forgotten_when_dying
  held_wakes_forgotten_when_waiting
  held_wakes_looked_for_from_the_end
  leaving_nudges_nobody
  left_noted_after_the_last_look
  left_without_being_asked_again
  mark_not_checked_again
  newcomer_not_noticed
  no_fence_after_the_confirmation
  no_look_after_a_stall
  no_look_after_announcing
  no_look_after_arming
  no_look_after_the_peer_closed
  no_look_at_the_news_for_a_loop
  no_look_at_the_way_for_a_loop
  no_look_behind_what_was_peeked
  no_reload_after_the_confirmation
  no_second_look_at_the_news
  no_second_look_at_the_way
  opened_without_an_answer
  owner_not_checked_when_leaving
  passed_siblings_not_called
  peer_not_roused
  published_by_nobody_when_dying
  refused_fence_ignored
  settling_not_said
  siblings_not_dismissed
  sleeper_looked_for_before_publishing
  tcp_taken_ignored
  tcp_taken_nudges_nobody
  void_flush_counts
  withdrawn_while_others_sleep
  word_counted_after_the_wake
  word_read_when_parking
)

if(NOT FERRULE_PATCH)
  message(STATUS "No patch program: the structural mutants are left out")
  return()
endif()
get_target_property(headers ferrule HEADER_SET)

# A copy of include/ with one patch applied, and the program that explores it.
function(ferrule_structural_mutant name)
  set(patch ${CMAKE_CURRENT_SOURCE_DIR}/mutants/${name}.patch)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name})
  add_custom_command(OUTPUT ${folder}/patched
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${folder}
    COMMAND ${CMAKE_COMMAND} -E copy_directory ${PROJECT_SOURCE_DIR}/include ${folder}/include
    COMMAND ${FERRULE_PATCH} --silent --no-backup-if-mismatch --strip=1 --directory=${folder}/include --input=${patch}
    COMMAND ${CMAKE_COMMAND} -E touch ${folder}/patched
    DEPENDS ${patch} ${headers}
    COMMENT "Patching include/: ${name}"
    VERBATIM)
  add_custom_target(ferrule-mutant-${name}-patched DEPENDS ${folder}/patched)

  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${patch})
  file(STRINGS ${patch} noticed_by REGEX "^Noticed by: ")
  string(REGEX REPLACE "^Noticed by: " "" noticed_by "${noticed_by}")
  separate_arguments(noticed_by)
  ferrule_model_program(ferrule-mutant-${name} ${noticed_by})
  add_dependencies(ferrule-mutant-${name} ferrule-mutant-${name}-patched)
  set_target_properties(ferrule-mutant-${name} PROPERTIES EXCLUDE_FROM_ALL ON)
  target_include_directories(ferrule-mutant-${name} PRIVATE ${folder}/include)
  target_compile_features(ferrule-mutant-${name} PRIVATE cxx_std_20)
  target_compile_options(ferrule-mutant-${name} PRIVATE -O1 -w)
  target_link_libraries(ferrule-mutant-${name} PRIVATE Threads::Threads)
endfunction()

set(programs "")
foreach(name IN LISTS structural_mutants)
  ferrule_structural_mutant(${name})
  list(APPEND programs ferrule-mutant-${name})
endforeach()
add_custom_target(ferrule-mutants DEPENDS ${programs})

add_test(NAME model/structural-mutants
  COMMAND ${CMAKE_COMMAND}
    -D BUILD=${PROJECT_BINARY_DIR}
    -D FOLDER=${CMAKE_CURRENT_BINARY_DIR}
    "-D MUTANTS=${structural_mutants}"
    -P ${CMAKE_CURRENT_SOURCE_DIR}/kill_structural_mutants.cmake)
set_tests_properties(model/structural-mutants PROPERTIES LABELS "model;long" TIMEOUT 1500)
