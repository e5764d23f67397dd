/* speed.c: how fast this machine computes with a model: measured once, kept with the model. */
#include "job/job.h"
#include "model/kept.h"

#include <omp.h>
#include <string.h>

/* A batch as most jobs have them; what reaches the rate of long batches is a matter of the job. */
enum { POSITIONS = 256 };

static heta_status check(const heta_model *model, heta_speed *speed, heta_error *error) {
  if (!model || !speed)
    return heta_i_fail(error, HETA_E_ARGUMENT, "a speed needs a model and a heta_speed");
  if (speed->struct_size != sizeof *speed)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "heta_speed.struct_size is wrong: set it to sizeof(heta_speed)");
  bool f64 = speed->precision == HETA_PRECISION_F64;
  if ((speed->backend != HETA_BACKEND_CPU && speed->backend != HETA_BACKEND_REFERENCE) ||
      (!f64 && speed->precision != HETA_PRECISION_F32))
    return heta_i_fail(error, HETA_E_ARGUMENT, "a speed of backend %d and precision %d",
                       (int)speed->backend, (int)speed->precision);
  if (speed->threads < 0 || speed->threads > 1024)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "a speed of %d threads; it takes 0 (one per core) to 1024", speed->threads);
  if (f64) speed->backend = HETA_BACKEND_REFERENCE;
  if (!speed->threads) speed->threads = omp_get_num_procs();
  return HETA_OK;
}

heta_status heta_speed_measure(const heta_model *model, heta_speed *speed, heta_error *error) {
  HETA_TRY(check(model, speed, error));
  size_t context = model->hyper.context;
  heta_i_engine_settings settings = {.model = model,
                                     .backend = speed->backend,
                                     .threads = speed->threads,
                                     .positions = context < POSITIONS ? context : POSITIONS};
  settings.lane_rows = heta_i_lane_rows(settings.positions);
  const heta_i_engine_api *api = heta_i_engine_api_of(speed->precision);
  speed->forward = api->rate(&settings, HETA_RATE_FORWARD);
  speed->reverse = api->rate(&settings, HETA_RATE_REVERSE);
  speed->attention = api->rate(&settings, HETA_RATE_ATTENTION);
  if (speed->forward > 0 && speed->reverse > 0 && speed->attention > 0) return HETA_OK;
  return heta_i_no_memory(error, "a calibration", 1 << 20);
}

static bool same(const heta_speed *a, const heta_speed *b) {
  return a->backend == b->backend && a->precision == b->precision && a->threads == b->threads;
}

static void keep(heta_i_kept *kept, const heta_speed *speed) {
  size_t at = 0;
  pthread_mutex_lock(&kept->speed_lock);
  while (at < kept->speed_count && !same(&kept->speeds[at], speed)) at++;
  if (at == HETA_KEPT_SPEEDS) at = 0;
  if (at == kept->speed_count) kept->speed_count++;
  kept->speeds[at] = *speed;
  pthread_mutex_unlock(&kept->speed_lock);
}

heta_status heta_model_set_speed(const heta_model *model, const heta_speed *speed,
                                 heta_error *error) {
  heta_speed own = speed ? *speed : (heta_speed){0};
  HETA_TRY(check(model, &own, error));
  if (!(own.forward > 0) || !(own.reverse > 0) || !(own.attention > 0))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "a speed of %g, %g and %g operations a second: all must be above 0",
                       own.forward, own.reverse, own.attention);
  keep(model->kept, &own);
  return HETA_OK;
}

heta_status heta_i_speed_of(const heta_i_engine_settings *settings, heta_precision precision,
                            heta_speed *out, heta_error *error) {
  heta_i_kept *kept = settings->model->kept;
  *out = (heta_speed){.struct_size = sizeof *out,
                      .backend = settings->backend,
                      .precision = precision,
                      .threads = settings->threads};
  bool found = false;
  pthread_mutex_lock(&kept->speed_lock);
  for (size_t i = 0; i < kept->speed_count && !found; i++) {
    found = same(&kept->speeds[i], out);
    if (found) *out = kept->speeds[i];
  }
  pthread_mutex_unlock(&kept->speed_lock);
  if (found) return HETA_OK;
  HETA_TRY(heta_speed_measure(settings->model, out, error));
  keep(kept, out);
  return HETA_OK;
}
