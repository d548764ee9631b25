# What Debian wants of files that are installed as they are: compressed pages and changelog, a copyright.
file(GLOB roots "${CPACK_TEMPORARY_DIRECTORY}/*")
foreach(root IN LISTS roots)
  get_filename_component(package "${root}" NAME)
  file(GLOB pages "${root}/usr/share/man/man*/*.[1-8]")
  set(doc "${root}/usr/share/doc/${package}")
  file(MAKE_DIRECTORY "${doc}")
  file(COPY_FILE "${CMAKE_CURRENT_LIST_DIR}/copyright" "${doc}/copyright")
  file(WRITE "${doc}/changelog.Debian" "chatd (${CPACK_PACKAGE_VERSION}-1) unstable; urgency=medium

  * Release ${CPACK_PACKAGE_VERSION}.

 -- ${CPACK_PACKAGE_CONTACT}  Thu, 01 Jan 2026 00:00:00 +0000
")
  execute_process(COMMAND gzip -9nf ${pages} "${doc}/changelog.Debian" COMMAND_ERROR_IS_FATAL ANY)
  # What the build made with its umask.
  execute_process(COMMAND chmod -R go=rX,u+rw "${root}" COMMAND_ERROR_IS_FATAL ANY)
endforeach()
