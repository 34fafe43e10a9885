# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts where, and how other projects find it: find_package(shmchan) and pkg-config.

include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/shmchan")

install(TARGETS shmchan shmchan_static EXPORT shmchan)
install(FILES include/shmchan.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY include/shmchan DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h"
    PATTERN "uring.h" EXCLUDE)
if(TARGET shmchan_uring)
    install(TARGETS shmchan_uring shmchan_uring_static EXPORT shmchan)
    install(FILES include/shmchan/uring.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/shmchan")
endif()

install(EXPORT shmchan NAMESPACE shmchan:: FILE shmchanTargets.cmake DESTINATION "${package_dir}")
configure_package_config_file(cmake/shmchanConfig.cmake.in shmchanConfig.cmake
    INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change the ABI.
write_basic_package_version_file(shmchanConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
    "${CMAKE_CURRENT_BINARY_DIR}/shmchanConfig.cmake"
    "${CMAKE_CURRENT_BINARY_DIR}/shmchanConfigVersion.cmake"
    DESTINATION "${package_dir}")

# Paths in shmchan.pc are relative to the file itself, so that an installed tree can be moved.
file(RELATIVE_PATH pc_prefix "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
file(RELATIVE_PATH pc_includedir "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
file(RELATIVE_PATH pc_libdir "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_LIBDIR}")
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
set(pc_threads "${CMAKE_THREAD_LIBS_INIT}")
configure_file(cmake/shmchan.pc.in shmchan.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/shmchan.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
if(TARGET shmchan_uring)
    configure_file(cmake/shmchan-uring.pc.in shmchan-uring.pc @ONLY)
    install(FILES "${CMAKE_CURRENT_BINARY_DIR}/shmchan-uring.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endif()

foreach(section IN ITEMS 1 3 7)
    file(GLOB pages CONFIGURE_DEPENDS "docs/man/*.${section}")
    install(FILES ${pages} DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}")
endforeach()
add_subdirectory(docs/man)
