cmake_minimum_required(VERSION 3.23)
# Compiles SOURCE at -O2, flattened so that each symbol holds all it calls, and reads the disassembly.
execute_process(
  COMMAND ${COMPILER} -std=c++20 -O2 -I ${INCLUDE} -c ${SOURCE} -o ${OBJECT}
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${OBJDUMP} -dr --no-show-raw-insn -C ${OBJECT} OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)

if(PROCESSOR MATCHES "x86_64|AMD64")
  set(forbidden "\tlock |\tm?fence|\txchg [^\n]*\\(")
  set(call "\t(call|jmp) [^\n]*\n[^\n]*R_X86_64_(PLT32|PC32)\t[^\n]*")
elseif(PROCESSOR MATCHES "aarch64")
  set(forbidden "\tdmb|\tdsb|\tldxr|\tldaxr|\tstxr|\tstlxr|\tcas|\tswp|\tldadd")
  set(call "\t(bl|b)\t[^\n]*\n[^\n]*R_AARCH64_(CALL26|JUMP26)\t[^\n]*")
else()
  message(FATAL_ERROR "no rules for ${PROCESSOR}")
endif()
# What may be called: the copy, what never returns, and what is needed only when a sleeper is due, when an end changes
# threads, or where the kernel has no membarrier. Also parts of the ends that a compiler keeps out of line: they are held
# to the same rules below.
set(rare "misuse|overlap|wake_peer\\(|take_ownership|fall_back")
set(harmless "memcpy|${rare}|ferrule::v0::[^\n]*(waiter::never|barrier::asymmetric)")

# Sets `out` to what the functions whose names match `name` should not contain.
function(crimes_of name out)
  string(REGEX MATCHALL "<${name}>:\n([^\n]+\n)+" bodies "${listing}")
  if(NOT bodies)
    message(FATAL_ERROR "no ${name} in the listing")
  endif()
  list(FILTER bodies EXCLUDE REGEX "^<[^\n]*(${rare})[^\n]*>:")
  string(REGEX MATCHALL "${forbidden}" found "${bodies}")
  string(REGEX MATCHALL "${call}" calls "${bodies}")
  foreach(one IN LISTS calls)
    # A reference into the cold section is to the out-of-line misuse paths.
    if(NOT one MATCHES "${harmless}|\\.text\\.unlikely|\\.cold")
      list(APPEND found "${one}")
    endif()
  endforeach()
  string(REGEX MATCHALL "\t(call|blr?)[ \t]+(\\*|x[0-9])[^\n]*" indirect "${bodies}")
  list(APPEND found ${indirect})
  set(${out} "${found}" PARENT_SCOPE)
endfunction()

set(innocent hot_try_write hot_try_read hot_try_push hot_try_pop hot_commit hot_release hot_push_to_wakeable)
foreach(ring waiter::never barrier::asymmetric)
  if(listing MATCHES "<[^\n]*${ring}[^\n]*>:")
    list(APPEND innocent "[^\n]*${ring}[^\n]*")  # What this compiler keeps out of line.
  endif()
endforeach()
foreach(name IN LISTS innocent)
  crimes_of("${name}" crimes)
  if(crimes)
    message(SEND_ERROR "${name} contains: ${crimes}\n${listing}")
  endif()
endforeach()
foreach(name guilty_fence guilty_lock guilty_call)
  crimes_of(${name} crimes)
  if(NOT crimes)
    message(SEND_ERROR "${name} was not found out: this test sees nothing")
  endif()
endforeach()
