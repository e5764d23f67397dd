/* folder.h: what lies in a folder. */
#ifndef HETA_FORMAT_FOLDER_H
#define HETA_FORMAT_FOLDER_H

#include "base/memory.h"

/* Whether the path names a folder. */
bool heta_i_is_folder(const char *path);
/* Whether it names anything. */
bool heta_i_is_there(const char *path);
/* "FOLDER/NAME", without a second slash; NULL without memory. */
char *heta_i_folder_path(heta_i_arena *arena, const char *folder, const char *name);
/* The first name (in the order of names) in the folder that ends in one of these endings, which
 * NULL ends; NULL when there is none, or without memory. */
char *heta_i_folder_find(heta_i_arena *arena, const char *folder, const char *const *endings);

#endif
