# Writes OUT, a C header with the body and SHA-1 of every script in DIR that begins with "-- <name>:".
# A script that says "-- uses position" gets position.lua in front of it.
file(READ "${DIR}/position.lua" position)
file(GLOB scripts "${DIR}/*.lua")
set(header "/* Made from common/scripts by embed_scripts.cmake. */\n")
foreach(path IN LISTS scripts)
  get_filename_component(name "${path}" NAME_WE)
  if(name STREQUAL "position")
    continue()
  endif()
  file(READ "${path}" body)
  if(body MATCHES "\n-- uses position\n")
    string(PREPEND body "${position}")
  endif()
  string(SHA1 sha "${body}")
  string(HEX "${body}" hex)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)"
                       "\\1\n" bytes "${bytes}")
  string(APPEND header "static const char SHA_${name}[] = \"${sha}\";\n"
                       "static const char BODY_${name}[] = {\n${bytes}0};\n")
endforeach()
file(WRITE "${OUT}" "${header}")
