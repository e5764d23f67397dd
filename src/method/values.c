/* values.c: what tokens send through attention; see values.h. */
#include "method/values.h"

#include <string.h>

uint64_t heta_i_values_bytes(const heta_i_session *session) {
  const heta_i_hyper *hyper = &session->model->hyper;
  uint64_t n = session->length;
  return sizeof(double) * n *
         (hyper->heads * n + (hyper->kv_heads + hyper->heads) * hyper->head_width + hyper->width);
}

heta_status heta_i_values_open(heta_i_session *session, heta_i_values *v, heta_error *error) {
  const heta_i_hyper *hyper = &session->model->hyper;
  size_t n = session->length;
  *v = (heta_i_values){.session = session};
  v->probabilities = heta_i_allocate(hyper->heads * n * n, sizeof(double));
  v->values = heta_i_allocate(n * hyper->kv_heads * hyper->head_width, sizeof(double));
  v->mixed = heta_i_allocate(n * hyper->heads * hyper->head_width, sizeof(double));
  v->sent = heta_i_allocate(n * hyper->width, sizeof(double));
  if (v->probabilities && v->values && v->mixed && v->sent) return HETA_OK;
  return heta_i_no_memory(error, "values on their way", heta_i_values_bytes(session));
}

void heta_i_values_close(heta_i_values *v) {
  heta_i_free(v->probabilities);
  heta_i_free(v->values);
  heta_i_free(v->mixed);
  heta_i_free(v->sent);
}

static void take_head(void *context, size_t head, const double *probabilities) {
  heta_i_values *v = context;
  size_t size = v->session->length * v->session->length;
  memcpy(v->probabilities + head * size, probabilities, size * sizeof *probabilities);
}

heta_status heta_i_values_read(heta_i_values *v, size_t block, heta_error *error) {
  const heta_i_engine_api *api = v->session->engine->api;
  const heta_i_capture wanted = {HETA_SITE_VALUE, block, v->values};
  v->block = block;
  HETA_TRY(api->inspect(v->session->engine, v->session->run, block, &wanted, 1, error));
  return api->attend(v->session->engine, v->session->run, block, take_head, v, error);
}

heta_status heta_i_values_sent(heta_i_values *v, size_t row, size_t head, heta_error *error) {
  const heta_i_hyper *hyper = &v->session->model->hyper;
  size_t n = v->session->length, size = hyper->head_width, group = hyper->heads / hyper->kv_heads;
  size_t first = head == SIZE_MAX ? 0 : head, count = head == SIZE_MAX ? hyper->heads : 1;
  for (size_t h = first; h < first + count; h++)
    for (size_t j = 0; j < n; j++) {
      double share = v->probabilities[(h * n + row) * n + j];
      const double *value = v->values + (j * hyper->kv_heads + h / group) * size;
      double *out = v->mixed + (j * count + h - first) * size;
      for (size_t c = 0; c < size; c++) out[c] = share * value[c];
    }
  return v->session->engine->api->project(v->session->engine, v->block, HETA_SITE_ATTENTION_OUT,
                                          first * size, count * size, n, v->mixed, v->sent, error);
}
