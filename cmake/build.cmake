# SPDX-License-Identifier: Apache-2.0
# shmchan_build: warnings, sanitizers and definitions that every target of this tree gets and no user does.

add_library(shmchan_build INTERFACE)

target_compile_definitions(shmchan_build INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64)
target_compile_options(shmchan_build INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wcast-align -Wpointer-arith -Wwrite-strings
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes;-Wmissing-prototypes>
    $<$<BOOL:${SHMCHAN_WERROR}>:-Werror>)

if(SHMCHAN_SANITIZE)
    set(sanitize -fsanitize=${SHMCHAN_SANITIZE})
    target_compile_options(shmchan_build INTERFACE ${sanitize} -fno-omit-frame-pointer -g)
    if(SHMCHAN_SANITIZE MATCHES "undefined")
        target_compile_options(shmchan_build INTERFACE -fno-sanitize-recover=undefined)
    endif()
    target_link_options(shmchan_build INTERFACE ${sanitize})
endif()

if(SHMCHAN_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "SHMCHAN_FUZZ needs clang: set CMAKE_C_COMPILER=clang")
    endif()
    target_compile_options(shmchan_build INTERFACE -fsanitize=fuzzer-no-link)
    # A fuzz target links this for the engine and its main().
    add_library(shmchan_fuzzer INTERFACE)
    target_link_options(shmchan_fuzzer INTERFACE -fsanitize=fuzzer)
endif()

if(SHMCHAN_COVERAGE)
    target_compile_options(shmchan_build INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(shmchan_build INTERFACE --coverage)
endif()
