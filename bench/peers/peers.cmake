# SPDX-License-Identifier: Apache-2.0
# Other people's queues as transports of chanbench, each where its Debian package is installed.
include(CheckIncludeFile)
include(CheckLanguage)

target_sources(chanbench PRIVATE peers/roll.c)

# If FOUND, adds peers/SOURCE, which defines NAME_transport; links with the libraries that follow.
macro(bench_peer name package source found)
    if(${found})
        message(STATUS "chanbench: with ${name}")
        target_sources(chanbench PRIVATE peers/${source})
        target_link_libraries(chanbench PRIVATE ${ARGN})
        string(APPEND peers_declared "extern const struct transport ${name}_transport;\n")
        string(APPEND peers_listed "&${name}_transport, ")
    else()
        message(STATUS "chanbench: without ${name}: ${package} is not installed")
    endif()
endmacro()

check_include_file(mqueue.h SHMCHAN_MQUEUE)
bench_peer(mq libc6-dev mq.c SHMCHAN_MQUEUE rt)

check_language(CXX)
if(CMAKE_CXX_COMPILER)
    enable_language(CXX)
    find_path(SHMCHAN_BOOST boost/interprocess/ipc/message_queue.hpp)
    set_target_properties(chanbench PROPERTIES CXX_STANDARD 20)
endif()
bench_peer(boost "g++ or libboost-dev" boost.cpp SHMCHAN_BOOST)

find_path(SHMCHAN_CK ck_ring.h)
bench_peer(ck libck-dev ck.c SHMCHAN_CK)
