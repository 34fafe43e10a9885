# SPDX-License-Identifier: Apache-2.0
# Other people's queues as transports of chanbench, each where its Debian package is installed.
include(CheckIncludeFile)
include(CheckLanguage)

target_sources(chanbench PRIVATE peers/link.c)

# If FOUND, adds peers/SOURCE, which defines NAME_transport for each of NAMES, and links with the libraries
# that follow.
macro(bench_peer names package source found)
    string(REPLACE ";" " and " shown "${names}")
    if(${found})
        message(STATUS "chanbench: with ${shown}")
        target_sources(chanbench PRIVATE peers/${source})
        target_link_libraries(chanbench PRIVATE ${ARGN})
        foreach(name IN ITEMS ${names})
            string(APPEND peers_declared "extern const struct transport ${name}_transport;\n")
            string(APPEND peers_listed "&${name}_transport, ")
        endforeach()
    else()
        message(STATUS "chanbench: without ${shown}: ${package} is not installed")
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
set_source_files_properties(peers/boost.cpp PROPERTIES COMPILE_OPTIONS -Wno-missing-field-initializers)

find_path(SHMCHAN_CK ck_ring.h)
bench_peer(ck libck-dev ck.c SHMCHAN_CK)

find_package(PkgConfig)
if(PKG_CONFIG_FOUND)
    pkg_check_modules(SHMCHAN_DPDK libdpdk)
endif()
# Of a hundred libraries only the ring's.
bench_peer("dpdk;dpdk_batch" "pkg-config or libdpdk-dev" dpdk.c SHMCHAN_DPDK_FOUND rte_ring rte_eal)
if(SHMCHAN_DPDK_FOUND)
    target_include_directories(chanbench SYSTEM PRIVATE ${SHMCHAN_DPDK_INCLUDE_DIRS})
    set_source_files_properties(peers/dpdk.c PROPERTIES COMPILE_OPTIONS "${SHMCHAN_DPDK_CFLAGS_OTHER}")
endif()

find_path(SHMCHAN_QB qb/qbrb.h)
bench_peer(qb libqb-dev qb.c SHMCHAN_QB qb)

find_path(SHMCHAN_ZMQ zmq.h)
bench_peer(zmq libzmq3-dev zmq.c SHMCHAN_ZMQ zmq)

find_path(SHMCHAN_NNG nng/nng.h)
bench_peer(nng libnng-dev nng.c SHMCHAN_NNG nng)

find_package(iceoryx_binding_c CONFIG QUIET)
find_program(SHMCHAN_ROUDI iox-roudi)
if(iceoryx_binding_c_FOUND AND SHMCHAN_ROUDI)
    set(SHMCHAN_ICEORYX ON)
    target_sources(chanbench PRIVATE peers/iceoryx_roudi.c)
endif()
bench_peer("iceoryx;iceoryx_hand_off" "iceoryx or libiceoryx-binding-c-dev" iceoryx.c SHMCHAN_ICEORYX
    iceoryx_binding_c::iceoryx_binding_c)

# Rust's channels, built by cargo from the sources that Debian's packages install.
set(registry /usr/share/cargo/registry)
find_program(SHMCHAN_CARGO cargo)
file(GLOB SHMCHAN_CRATES "${registry}/crossbeam-channel-0.5*" "${registry}/flume-0.10*" "${registry}/tokio-1.*")
list(LENGTH SHMCHAN_CRATES crates)
if(SHMCHAN_CARGO AND crates EQUAL 3)
    set(SHMCHAN_RUST ON)
    set(rust "${CMAKE_CURRENT_BINARY_DIR}/rust")
    configure_file(peers/Cargo.toml.in "${rust}/Cargo.toml" @ONLY)
    add_custom_command(OUTPUT "${rust}/target/release/librust_channels.a"
        COMMAND "${SHMCHAN_CARGO}" build --quiet --release --offline
            --config "source.crates-io.replace-with='debian'"
            --config "source.debian.directory='${registry}'"
        DEPENDS peers/rust.rs "${rust}/Cargo.toml"
        WORKING_DIRECTORY "${rust}" VERBATIM)
    add_custom_target(rust_channels DEPENDS "${rust}/target/release/librust_channels.a")
    add_dependencies(chanbench rust_channels)
endif()
bench_peer("std;crossbeam;flume;tokio"
    "cargo, librust-crossbeam-channel-dev, librust-flume-dev or librust-tokio-dev"
    rust.c SHMCHAN_RUST "${rust}/target/release/librust_channels.a" Threads::Threads ${CMAKE_DL_LIBS} m)
