/* sensitivity.h: the curvature S of HETA as its options ask for it: which definition, which
 * estimator, how many products. */
#ifndef HETA_METHOD_SENSITIVITY_H
#define HETA_METHOD_SENSITIVITY_H

#include "method/method.h"

enum { HETA_LEAST_AUTO = 8 }; /* samples before --probes auto may stop a token */

/* The rows of a method's option table that these calls read. */
#define HETA_SENSITIVITY_OPTIONS                                                                   \
  {"probes",                                                                                       \
   "hvp-samples",                                                                                  \
   HETA_OPTION_INTEGER,                                                                            \
   1,                                                                                              \
   100000,                                                                                         \
   "auto",                                                                                         \
   "10",                                                                                           \
   "Hessian-vector products per token; auto: as many as --tolerance asks for"},                    \
      {"tolerance",                                                                                \
       NULL,                                                                                       \
       HETA_OPTION_NUMBER,                                                                         \
       1e-4,                                                                                       \
       1,                                                                                          \
       NULL,                                                                                       \
       "0.05",                                                                                     \
       "--probes auto: stop at this standard error of a token's curvature, relative to it"},       \
      {"max-probes",                                                                               \
       NULL,                                                                                       \
       HETA_OPTION_INTEGER,                                                                        \
       HETA_LEAST_AUTO,                                                                            \
       100000,                                                                                     \
       NULL,                                                                                       \
       "100",                                                                                      \
       "--probes auto: products per token at most"},                                               \
      {"estimator",                                                                                \
       NULL,                                                                                       \
       HETA_OPTION_CHOICE,                                                                         \
       0,                                                                                          \
       0,                                                                                          \
       "plain|sketch|coded",                                                                       \
       "plain",                                                                                    \
       "plain: the mean over random probes; sketch: the same quantity with far smaller errors, "   \
       "by "                                                                                       \
       "products along each token's leading directions; coded: probes that all tokens share, "     \
       "8 products of the whole context each, for long contexts (both: block and gauss-newton)"},  \
      {"curvature",                                                                                \
       NULL,                                                                                       \
       HETA_OPTION_CHOICE,                                                                         \
       0,                                                                                          \
       0,                                                                                          \
       "block|row|gradsq|gauss-newton|lowrank[:]|lowrank-global[:]",                               \
       "block",                                                                                    \
       "block: a token's own block of the Hessian; row: its whole row; gradsq: squared gradient; " \
       "gauss-newton: block of the Gauss-Newton matrix; lowrank:K: the block's part of rank K, "   \
       "by "                                                                                       \
       "2 K products per token; lowrank-global:K: of one factorisation of rank K of the whole "    \
       "Hessian, by 2 K products (K is 64 when left away)"},                                       \
  {                                                                                                \
    "layers", NULL, HETA_OPTION_INTEGER, 1, 100000, "all", "all",                                  \
        "curvature of the last N layers only, by the hidden states that enter them"                \
  }

heta_status heta_i_sensitivity_check(const heta_i_session *session, heta_error *error);
/* The last layers that curvature is of; 0: all. */
size_t heta_i_sensitivity_layers(const heta_i_session *session);
/* Samples per token of the series that holds the curvature; 1 when it needs none. */
size_t heta_i_sensitivity_samples(const heta_i_session *session);
/* Whether there are samples at all; else S is the squared gradient, which is exact. */
bool heta_i_sensitivity_sampled(const heta_i_session *session);
/* Adds the work items, and says what the session must know of them. */
heta_status heta_i_sensitivity_plan(heta_i_session *session, int phase, size_t series,
                                    heta_error *error);
heta_status heta_i_sensitivity_run(heta_i_session *session, const heta_i_item *item, size_t series,
                                   heta_error *error);
/* Mean and standard error of one token's samples, and the degrees of freedom of the latter: one
 * less than the samples. Returns the products behind them, which may be more. */
uint32_t heta_i_sensitivity_read(const heta_i_session *session, size_t series, size_t target,
                                 size_t token, double *mean, double *error, double *df);
/* Fills in the estimator and unit of the components that curvature goes into. */
void heta_i_sensitivity_describe(const heta_i_session *session, heta_component_info *curvature,
                                 heta_component_info *envelope);

#endif
