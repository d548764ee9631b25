# man_page(NAME.SECTION [flags|settings]): makes the page of NAME.SECTION.scd and installs it with the component
# of this directory. @OPTIONS@ in it becomes that part of chatd's option table.
find_program(SCDOC scdoc)
if(NOT SCDOC)
  message(STATUS "scdoc not found: no man pages are built")
endif()

function(man_page page)
  if(NOT SCDOC)
    return()
  endif()
  string(REGEX MATCH "[0-9]$" section "${page}")
  set(source "${CMAKE_CURRENT_SOURCE_DIR}/${page}.scd")
  set(made "${CMAKE_CURRENT_BINARY_DIR}/${page}")
  set(options true)
  if(ARGN)
    set(options "$<TARGET_FILE:chatd> --man-part=${ARGN}")
    set(program chatd)
  endif()
  add_custom_command(OUTPUT "${made}"
    COMMAND sh -c "$1 >\"$4.options\" && sed -e \"/@OPTIONS@/{r $4.options\" -e 'd;}' \"$3\" | \"$2\" >\"$4\""
            man_page "${options}" "${SCDOC}" "${source}" "${made}"
    DEPENDS "${source}" ${program} VERBATIM)
  add_custom_target(${page}_page ALL DEPENDS "${made}")
  install(FILES "${made}" DESTINATION "${CMAKE_INSTALL_MANDIR}/man${section}")
endfunction()
