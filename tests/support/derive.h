/* derive.h: the engine's gradient and Hessian-vector products held against four-point central
 * differences of the function a lane describes. */
#ifndef HETA_TESTS_DERIVE_H
#define HETA_TESTS_DERIVE_H

#include "support/dice.h"
#include "support/fixture.h"

/* An objective as a function of the rows that enter block `begin`. */
typedef struct derive {
  heta_i_engine *engine;
  heta_i_lane lane; /* without parent; its input is what varies */
  size_t begin;
  const heta_i_seed *seeds; /* rows ascending */
  size_t seed_count;
} derive;

/* A run at these inputs [length × width]; the caller frees it. */
heta_i_run *derive_run(const derive *d, const double *input);
/* The objective, and (unless NULL) its gradient [length × width]. */
double derive_value(const derive *d, const double *input, double *gradient);
/* Products with `count` directions, one after the other; each [length × width]. */
void derive_products(const derive *d, const double *input, const double *directions, size_t count,
                     double *products);
/* Fails the test, naming `what` and the seed, unless: the gradient is the slope along random
 * directions and the products are the gradient's differences (1e-6; 1e-5 with ReLU), u'Hv = v'Hu
 * and H is linear (1e-10), probes that begin at a later row equal whole ones (1e-10), and nothing
 * after the last seed's row has a gradient or a product. */
void derive_check(const derive *d, const char *what, const double *input, dice *draw);
/* Fails the test when a call did. */
void derive_ok(heta_status status, const heta_error *error);

#endif
