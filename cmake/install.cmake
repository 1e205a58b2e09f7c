# What `cmake --install` puts where: headers, a relocatable package for find_package, and a file for pkg-config.
# Everything is independent of the architecture, so it all goes under share/.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(ferrule_package_dir ${CMAKE_INSTALL_DATADIR}/cmake/ferrule)

# INCLUDES DESTINATION also serves consumers whose CMake is too old to know file sets.
install(TARGETS ferrule EXPORT ferruleTargets FILE_SET HEADERS INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT ferruleTargets NAMESPACE ferrule:: DESTINATION ${ferrule_package_dir})

configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/ferrule-config.cmake.in ${PROJECT_BINARY_DIR}/ferrule-config.cmake
  INSTALL_DESTINATION ${ferrule_package_dir})
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/ferrule-config-version.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(
  FILES ${PROJECT_BINARY_DIR}/ferrule-config.cmake ${PROJECT_BINARY_DIR}/ferrule-config-version.cmake
  DESTINATION ${ferrule_package_dir})

configure_file(${CMAKE_CURRENT_LIST_DIR}/ferrule.pc.in ${PROJECT_BINARY_DIR}/ferrule.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/ferrule.pc DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/licenses/ferrule)
