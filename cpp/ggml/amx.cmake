# How ggml's AMX kernels are compiled: from a copy whose scratch is a function's own. There it belongs to the thread, and a
# shared library asks where that is at every use: a tenth of the time of eight streams. Nothing in it outlives a call.

set(AMX_FOLDER ${LLAMA_DIR}/ggml/src/ggml-cpu/amx)
set(AMX_SOURCE ${CMAKE_BINARY_DIR}/ggml/mmq.cpp)

file(READ ${AMX_FOLDER}/mmq.cpp text)
string(REPLACE "alignas(64) static thread_local " "alignas(64) " changed "${text}")
if(changed STREQUAL text)
  message(FATAL_ERROR "${AMX_FOLDER}/mmq.cpp has no thread-local scratch any more: compile it as it is")
endif()
file(WRITE ${AMX_SOURCE}.new "${changed}")
file(COPY_FILE ${AMX_SOURCE}.new ${AMX_SOURCE} ONLY_IF_DIFFERENT)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${AMX_FOLDER}/mmq.cpp)

set(AMX_OPTIONS -I${AMX_FOLDER})
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  list(APPEND AMX_OPTIONS -include ${CMAKE_CURRENT_LIST_DIR}/tile-intrinsics.h)
endif()
if(BLLOSSOM_SANITIZE)
  list(APPEND AMX_OPTIONS -fno-sanitize=alignment) # numbers of blocks are read where they lie, as x86-64 may
endif()
set_property(SOURCE ${AMX_SOURCE} DIRECTORY ${LLAMA_DIR}/ggml/src PROPERTY COMPILE_OPTIONS ${AMX_OPTIONS})

foreach(target ${GGML_TARGETS})
  get_target_property(sources ${target} SOURCES)
  list(TRANSFORM sources REPLACE "^.*amx/mmq\\.cpp$" ${AMX_SOURCE})
  set_target_properties(${target} PROPERTIES SOURCES "${sources}")
endforeach()
unset(AMX_OPTIONS)
