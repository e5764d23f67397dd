/* quant.h: weight types and their expansion to float. */
#ifndef HETA_FORMAT_QUANT_H
#define HETA_FORMAT_QUANT_H

#include "format/file.h"

const char *heta_i_type_name(heta_i_type type); /* "Q4_1" */
size_t heta_i_type_block(heta_i_type type);     /* elements of a block: 1, 32 or 256 */
size_t heta_i_type_block_bytes(heta_i_type type);
/* Expands count elements (a multiple of the block) that start at data. Cannot fail; every bit
 * pattern expands to something, NaN and infinity included. */
void heta_i_expand(heta_i_type type, const unsigned char *data, size_t count, float *out);

#endif
