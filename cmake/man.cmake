# man_page([DIR/]NAME.SECTION [PROGRAM]): makes the page of NAME.SECTION.scd and installs it with the component
# of this directory. Lines @PART@ in it are filled in by the program; see man.sh.
find_program(SCDOC scdoc)
if(NOT SCDOC)
  message(STATUS "scdoc not found: no man pages are built")
endif()

function(man_page path)
  if(NOT SCDOC)
    return()
  endif()
  get_filename_component(page "${path}" NAME)
  string(REGEX MATCH "[0-9]$" section "${page}")
  set(source "${CMAKE_CURRENT_SOURCE_DIR}/${path}.scd")
  set(made "${CMAKE_CURRENT_BINARY_DIR}/${page}")
  set(maker "${PROJECT_SOURCE_DIR}/cmake/man.sh")
  set(program ${ARGN})
  if(program)
    set(program "$<TARGET_FILE:${program}>")
  endif()
  add_custom_command(OUTPUT "${made}"
    COMMAND sh "${maker}" "${SCDOC}" "${source}" "${made}" ${program}
    DEPENDS "${source}" "${maker}" ${ARGN} VERBATIM)
  add_custom_target(${page}_page ALL DEPENDS "${made}")
  install(FILES "${made}" DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}")
endfunction()
