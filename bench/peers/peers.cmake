# SPDX-License-Identifier: Apache-2.0
# Other people's queues as transports of chanbench, each where its Debian package is installed.
include(CheckIncludeFile)

target_sources(chanbench PRIVATE peers/roll.c)

# Adds peers/SOURCE, which defines NAME_transport, if FOUND; links with the libraries that follow.
macro(bench_peer name package source found)
    if(${found})
        message(STATUS "chanbench: with ${name}")
        target_sources(chanbench PRIVATE peers/${source})
        target_link_libraries(chanbench PRIVATE ${ARGN})
        string(APPEND peers_declared "extern const struct transport ${name}_transport;\n")
        string(APPEND peers_listed "&${name}_transport, ")
    else()
        message(STATUS "chanbench: without ${name}: package ${package} is not installed")
    endif()
endmacro()

check_include_file(mqueue.h SHMCHAN_MQUEUE)
bench_peer(mq libc6-dev mq.c SHMCHAN_MQUEUE rt)
