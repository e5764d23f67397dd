# Turns page.html into C source: cmake -DINPUT=page.html -DOUTPUT=report_page.c -P embed.cmake
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(0x0a,)" "\\1\n" bytes "${bytes}")
file(WRITE ${OUTPUT} "/* made from page.html by embed.cmake */\n"
  "extern const unsigned char heta_i_report_page[];\n"
  "const unsigned char heta_i_report_page[] = {\n${bytes}0};\n")
