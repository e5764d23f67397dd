/* twister.c: MT19937. */
#include "base/twister.h"

enum { WORDS = HETA_TWISTER_WORDS, SHIFT = 397 };

void heta_i_twister_seed(heta_i_twister *twister, uint32_t seed) {
  twister->state[0] = seed;
  for (uint32_t i = 1; i < WORDS; i++) {
    uint32_t last = twister->state[i - 1];
    twister->state[i] = 1812433253u * (last ^ (last >> 30)) + i;
  }
  twister->used = WORDS;
}

static void refill(uint32_t *state) {
  for (size_t i = 0; i < WORDS; i++) {
    uint32_t y = (state[i] & 0x80000000u) | (state[(i + 1) % WORDS] & 0x7fffffffu);
    state[i] = state[(i + SHIFT) % WORDS] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
  }
}

uint32_t heta_i_twister_word(heta_i_twister *twister) {
  if (twister->used == WORDS) {
    refill(twister->state);
    twister->used = 0;
  }
  uint32_t y = twister->state[twister->used++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

double heta_i_twister_double(heta_i_twister *twister) {
  uint32_t high = heta_i_twister_word(twister) >> 5, low = heta_i_twister_word(twister) >> 6;
  return ((double)high * 67108864.0 + (double)low) / 9007199254740992.0;
}
