# What `cmake --install` puts where: the program with its manual pages and completion, both
# libraries, the header, and what pkg-config and find_package(heta) need. The CMake package offers
# the shared library as heta::heta; a static link goes through `pkg-config --static`, which knows
# the libraries that heta stands on.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS heta)
install(DIRECTORY ${HETA_PAGES}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR})
install(FILES ${HETA_PAGES}/bash/heta
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${HETA_PAGES}/zsh/_heta DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${HETA_PAGES}/fish/heta.fish
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
set_target_properties(heta_shared PROPERTIES EXPORT_NAME heta)
target_include_directories(heta_shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
install(TARGETS heta_shared EXPORT heta)
install(TARGETS heta_static)
install(FILES include/heta/heta.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/heta)
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/heta)
install(EXPORT heta NAMESPACE heta:: FILE heta-config.cmake DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/heta-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/heta-config-version.cmake DESTINATION ${package})

# heta.pc finds everything from where it lies, so an installed tree can be moved.
file(RELATIVE_PATH HETA_PREFIX_FROM_PC /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/heta.pc.in heta.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/heta.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES schema/heta.attribution-1.schema.json DESTINATION ${CMAKE_INSTALL_DATADIR}/heta)
