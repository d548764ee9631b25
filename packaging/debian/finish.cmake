cmake_minimum_required(VERSION 3.22)
# What Debian wants of files that are installed as they are: compressed pages and changelogs, a copyright. Before that: is
# everything here without which cpack would make packages that can be installed and don't run?
foreach(needed "dpkg-shlibdeps dpkg-dev" "file file" "gzip gzip")
  separate_arguments(needed)
  list(GET needed 0 command)
  list(GET needed 1 package)
  find_program(found NAMES ${command} NO_CACHE)
  if(NOT found)
    message(FATAL_ERROR "no packages are made: ${command} is missing (Debian: ${package})")
  endif()
  unset(found)
endforeach()
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
  set(texts ${pages} "${doc}/changelog.Debian")
  if(EXISTS "${doc}/CHANGELOG.md") # under the name that Debian looks for, also in the links to it
    file(RENAME "${doc}/CHANGELOG.md" "${doc}/changelog")
    list(APPEND texts "${doc}/changelog")
    file(GLOB linking "${doc}/*.md")
    execute_process(COMMAND sed -i "s/(CHANGELOG\\.md)/(changelog.gz)/g" ${linking} COMMAND_ERROR_IS_FATAL ANY)
  endif()
  execute_process(COMMAND gzip -9nf ${texts} COMMAND_ERROR_IS_FATAL ANY)
  # What the build made with its umask.
  execute_process(COMMAND chmod -R go=rX,u+rw "${root}" COMMAND_ERROR_IS_FATAL ANY)
endforeach()
