cmake_minimum_required(VERSION 3.23)
# One compiler call with -I, and the program runs.
execute_process(
  COMMAND ${COMPILER} -std=c++20 -Wall -Wextra -Wconversion -Wshadow -Werror ${FLAGS} -I ${INCLUDE} ${SOURCES} -o ${PROGRAM}
  COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${PROGRAM} COMMAND_ERROR_IS_FATAL ANY)
