/* values.c: what tokens send through attention; see values.h. */
#include "method/values.h"

#include <string.h>

uint64_t heta_i_values_bytes(const heta_i_session *session, size_t rows) {
  const heta_i_hyper *hyper = &session->model->hyper;
  uint64_t n = rows;
  return sizeof(double) * n *
         (hyper->heads * n + (hyper->kv_heads + hyper->heads) * hyper->head_width +
          2 * hyper->width);
}

heta_status heta_i_values_open(heta_i_session *session, heta_i_run *run, size_t rows,
                               heta_i_values *v, heta_error *error) {
  const heta_i_hyper *hyper = &session->model->hyper;
  size_t n = rows;
  *v = (heta_i_values){.session = session, .run = run, .rows = rows};
  v->probabilities = heta_i_allocate(hyper->heads * n * n, sizeof(double));
  v->values = heta_i_allocate(n * hyper->kv_heads * hyper->head_width, sizeof(double));
  v->mixed = heta_i_allocate(n * hyper->heads * hyper->head_width, sizeof(double));
  v->sent = heta_i_allocate(n * hyper->width, sizeof(double));
  if (v->probabilities && v->values && v->mixed && v->sent) return HETA_OK;
  return heta_i_no_memory(error, "values on their way", heta_i_values_bytes(session, rows));
}

void heta_i_values_close(heta_i_values *v) {
  heta_i_free(v->probabilities);
  heta_i_free(v->values);
  heta_i_free(v->mixed);
  heta_i_free(v->sent);
}

static void take_head(void *context, size_t head, const double *probabilities) {
  heta_i_values *v = context;
  size_t size = v->rows * v->rows;
  memcpy(v->probabilities + head * size, probabilities, size * sizeof *probabilities);
}

/* The site whose rows the values are projected from. */
static heta_i_site before_values(const heta_model *model) {
  heta_i_site site = HETA_SITE_NONE;
  for (size_t i = 0; i < model->block_ops; i++)
    if (model->architecture->block[i].out == HETA_SITE_VALUE)
      site = model->architecture->block[i].in[0];
  return site;
}

heta_status heta_i_values_read(heta_i_values *v, size_t block, bool biased, heta_error *error) {
  heta_i_engine *engine = v->session->engine;
  size_t width = v->session->model->hyper.width;
  heta_i_site from = before_values(v->session->model);
  heta_i_capture wanted = {HETA_SITE_VALUE, block, v->values};
  if (!biased) wanted = (heta_i_capture){from, block, v->sent};
  v->block = block;
  HETA_TRY(engine->api->inspect(engine, v->run, block, &wanted, 1, error));
  if (!biased)
    HETA_TRY(engine->api->project(engine, block, HETA_SITE_VALUE, 0, width, v->rows, v->sent,
                                  v->values, error));
  return engine->api->attend(engine, v->run, block, take_head, v, error);
}

heta_status heta_i_values_sent(heta_i_values *v, size_t first, size_t count, const double *weight,
                               size_t head, heta_error *error) {
  const heta_i_hyper *hyper = &v->session->model->hyper;
  size_t n = v->rows, size = hyper->head_width, group = hyper->heads / hyper->kv_heads;
  size_t first_head = head == SIZE_MAX ? 0 : head, heads = head == SIZE_MAX ? hyper->heads : 1;
  for (size_t h = first_head; h < first_head + heads; h++)
    for (size_t j = 0; j < n; j++) {
      double share = 0;
      for (size_t i = 0; i < count; i++)
        share += (weight ? weight[i] : 1) * v->probabilities[(h * n + first + i) * n + j];
      const double *value = v->values + (j * hyper->kv_heads + h / group) * size;
      double *out = v->mixed + (j * heads + h - first_head) * size;
      for (size_t c = 0; c < size; c++) out[c] = share * value[c];
    }
  return v->session->engine->api->project(v->session->engine, v->block, HETA_SITE_ATTENTION_OUT,
                                          first_head * size, heads * size, n, v->mixed, v->sent,
                                          error);
}
