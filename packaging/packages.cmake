# Debian packages, one a program: cmake --preset package && cmake --build --preset package && (cd build/package && cpack).
# cpack needs `file` and dpkg-shlibdeps (Debian: dpkg-dev), or it would forget what the programs depend on. DEBFULLNAME and
# DEBEMAIL name the maintainer, as they do for Debian's own tools.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME chatd)
if(DEFINED ENV{DEBEMAIL})
  set(CPACK_PACKAGE_CONTACT "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
else()
  set(CPACK_PACKAGE_CONTACT "The chatd maintainers <chatd@maintainers.invalid>")
endif()
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "chat on Redis, over WebSocket")
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_SET_DESTDIR ON) # /etc is not under the prefix
set(CPACK_INSTALL_PREFIX "${CMAKE_INSTALL_PREFIX}")
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL chatd chatctl chattui)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_PRE_BUILD_SCRIPTS "${CMAKE_CURRENT_SOURCE_DIR}/packaging/debian/finish.cmake")

set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

foreach(program chatd chatctl chattui)
  string(TOUPPER ${program} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${program})
  set(CPACK_COMPONENT_${upper}_GROUP ${program})
endforeach()

set(CPACK_COMPONENT_CHATD_DESCRIPTION "The daemon: serves a chat to browsers, scripts and terminals, in JSON.
Everything is kept in Redis, so any number of daemons, on any number of
machines, are one chat.")
# libwebsockets loads its libuv support at run time, so no linker knows. systemd's parts make the user, and
# the place of the data.
set(CPACK_DEBIAN_CHATD_PACKAGE_DEPENDS
  "libwebsockets-evlib-uv, systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles, init-system-helpers (>= 1.52)")
set(CPACK_DEBIAN_CHATD_PACKAGE_RECOMMENDS "redis-server (>= 5:7.0), chatctl")
set(CPACK_DEBIAN_CHATD_PACKAGE_CONTROL_EXTRA
  "${CMAKE_CURRENT_SOURCE_DIR}/packaging/debian/conffiles;${CMAKE_CURRENT_SOURCE_DIR}/packaging/debian/postinst;${CMAKE_CURRENT_SOURCE_DIR}/packaging/debian/prerm;${CMAKE_CURRENT_SOURCE_DIR}/packaging/debian/postrm")

set(CPACK_COMPONENT_CHATCTL_DESCRIPTION "The administrator's tool: lists, bans and kicks users, purges and restores
messages, exports and imports, checks and mends the data. It works straight
on the Redis, with or without a running daemon.")
set(CPACK_DEBIAN_CHATCTL_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_CHATCTL_PACKAGE_SUGGESTS "chatd, less")

set(CPACK_COMPONENT_CHATTUI_DESCRIPTION "The terminal client: channels, private conversations and history, for people
who live in terminals.")
set(CPACK_DEBIAN_CHATTUI_PACKAGE_DEPENDS "libwebsockets-evlib-uv")
set(CPACK_DEBIAN_CHATTUI_PACKAGE_RECOMMENDS "ca-certificates")
set(CPACK_DEBIAN_CHATTUI_PACKAGE_SUGGESTS "chatd")

include(CPack)
