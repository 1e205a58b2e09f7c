cmake_minimum_required(VERSION 3.23)
# The README's first C++ block is the first example, word for word.
file(READ ${SOURCE_DIR}/README.md readme)
file(READ ${SOURCE_DIR}/examples/01_bytes.cpp example)
string(FIND "${readme}" "```cpp\n${example}```" at)
if(at EQUAL -1)
  message(FATAL_ERROR "README.md does not hold the text of examples/01_bytes.cpp")
endif()
