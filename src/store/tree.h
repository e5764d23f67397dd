/* tree.h: the files below a folder, in an order that does not depend on the file system. */
#ifndef HETA_STORE_TREE_H
#define HETA_STORE_TREE_H

#include <sys/stat.h>

#include "base/status.h"

/* Called for each plain file. path is the whole path, below what follows the root and its slash. A
 * status other than HETA_OK ends the walk. */
typedef heta_status (*heta_i_tree_visit)(void *context, const char *path, const char *below,
                                         const struct stat *about, heta_error *error);

/* Visits root's files and those of its folders, `depth` levels down (0: root's own only), sorted by
 * name; links are followed, names that begin with a dot are not visited, nor are files that vanish
 * meanwhile. A root that does not exist is empty. What cannot be read is visited with about = NULL
 * and errno set. At most 100,000 names are looked at, then the walk fails with HETA_E_ARGUMENT. */
heta_status heta_i_tree_walk(const char *root, int depth, heta_i_tree_visit visit, void *context,
                             heta_error *error);

#endif
