/* twister.h: the Mersenne Twister MT19937 (Matsumoto & Nishimura 1998), as numpy's RandomState
 * seeds and reads it: only for methods whose published masks it draws. */
#ifndef HETA_BASE_TWISTER_H
#define HETA_BASE_TWISTER_H

#include <stddef.h>
#include <stdint.h>

enum { HETA_TWISTER_WORDS = 624 };

typedef struct heta_i_twister {
  uint32_t state[HETA_TWISTER_WORDS];
  size_t used;
} heta_i_twister;

void heta_i_twister_seed(heta_i_twister *twister, uint32_t seed);
uint32_t heta_i_twister_word(heta_i_twister *twister);
/* Uniform in [0, 1), 53 bits. */
double heta_i_twister_double(heta_i_twister *twister);

#endif
