# SPDX-License-Identifier: Apache-2.0
# Include roots by which each layer finds the layers below it and none above:
# shm/ sees "shm/..." only, src/ and the tests of internals see "shm/..." and "src/...",
# everything else sees include/ only. The roots hold links, so that no root shows the whole tree.

set(SHMCHAN_ROOT_SHM "${CMAKE_CURRENT_BINARY_DIR}/layers/shm")
set(SHMCHAN_ROOT_SRC "${CMAKE_CURRENT_BINARY_DIR}/layers/src")

foreach(link IN ITEMS "${SHMCHAN_ROOT_SHM}/shm" "${SHMCHAN_ROOT_SRC}/shm" "${SHMCHAN_ROOT_SRC}/src")
    cmake_path(GET link PARENT_PATH root)
    cmake_path(GET link FILENAME layer)
    file(MAKE_DIRECTORY "${root}")
    file(CREATE_LINK "${CMAKE_CURRENT_SOURCE_DIR}/${layer}" "${link}" SYMBOLIC)
endforeach()
