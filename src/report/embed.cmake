# Turns page.html, with page.css and page.js put in, into C source:
# cmake -DFOLDER=src/report -DOUTPUT=report_page.c -P embed.cmake
file(READ ${FOLDER}/page.html bytes HEX)
foreach(part css js)
  file(READ ${FOLDER}/page.${part} content HEX)
  string(TOUPPER @${part}@ place)
  string(HEX ${place} place)
  string(REPLACE ${place} ${content} bytes ${bytes})
endforeach()
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(0x0a,)" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "/* made from page.html, page.css and page.js by embed.cmake */\n"
  "extern const unsigned char heta_i_report_page[];\n"
  "const unsigned char heta_i_report_page[] = {\n${bytes}0};\n")
