/* split.h: the other parts of a GGUF model that was split into several files. */
#ifndef HETA_FORMAT_SPLIT_H
#define HETA_FORMAT_SPLIT_H

#include "format/part.h"

/* Finds and opens the other parts when file->parts[0], the one opened so far, is one of several
 * (name-00001-of-0000N.gguf), and checks that they belong together. */
heta_status heta_i_split_open_others(heta_i_file *file, heta_error *error);

#endif
