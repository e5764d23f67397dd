/* registry.c: the list of metrics. */
#include <string.h>

#include "metric/metric.h"

// clang-format off
static const heta_i_metric *const METRICS[] = {
    &heta_i_metric_alignment,
    &heta_i_metric_span,
    &heta_i_metric_dsa,
    &heta_i_metric_deletion,
    &heta_i_metric_insertion,
    &heta_i_metric_aopc,
    &heta_i_metric_comprehensiveness,
    &heta_i_metric_soft,
    &heta_i_metric_soft_package,
    &heta_i_metric_faithfulness,
    &heta_i_metric_patching,
    &heta_i_metric_counterfactual,
    &heta_i_metric_leakage,
    &heta_i_metric_causal_pass,
    &heta_i_metric_sensitivity,
    &heta_i_metric_paraphrase,
    &heta_i_metric_decoding,
};
// clang-format on
enum { COUNT = sizeof METRICS / sizeof *METRICS };

const heta_i_metric *heta_i_metric_find(const char *name) {
  for (size_t i = 0; name && i < COUNT; i++)
    if (!strcmp(METRICS[i]->info.name, name)) return METRICS[i];
  return NULL;
}

size_t heta_metric_count(void) { return COUNT; }

const heta_metric_info *heta_metric_at(size_t index) {
  return index < COUNT ? &METRICS[index]->info : NULL;
}

const heta_metric_info *heta_metric_find(const char *name) {
  const heta_i_metric *metric = heta_i_metric_find(name);
  return metric ? &metric->info : NULL;
}
