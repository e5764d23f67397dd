/* flashtrace.c: what flashtrace writes: one score for each token of prompt and generation, for a
 * span of the generation as a whole. docs/exchange.md says which field becomes what. */
#include <stdio.h>
#include <string.h>

#include "result/import.h"

#define OF(parent, key) heta_i_field_of(&(parent), key)

typedef struct flashtrace {
  heta_i_importer *importer;
  size_t prompt, generation; /* tokens */
  size_t first, last;        /* of the generation: the span, both included */
} flashtrace;

static heta_status read_names(const heta_i_reading *r, const heta_i_field *list,
                              heta_i_name *names) {
  for (size_t i = 0; i < json_array_size(list->value); i++) {
    heta_i_field one = heta_i_field_at(list, i);
    HETA_TRY(heta_i_take_text(r, &one, false, &names[i].bytes, &names[i].size));
    names[i].id = -1;
  }
  return HETA_OK;
}

static bool given(const heta_i_field *field) { return field->value && !json_is_null(field->value); }

static heta_status read_span(flashtrace *f, const heta_i_field *root) {
  const heta_i_reading *r = &f->importer->reading;
  heta_i_field span = OF(*root, "output_span");
  size_t count;
  f->first = 0;
  f->last = f->generation - 1;
  if (!given(&span)) return HETA_OK;
  HETA_TRY(heta_i_take_array(r, &span, &count));
  if (count != 2) return heta_i_field_wrong(r, &span, "has %zu entries, not 2", count);
  heta_i_field from = heta_i_field_at(&span, 0), to = heta_i_field_at(&span, 1);
  HETA_TRY(heta_i_take_size(r, &from, &f->first));
  HETA_TRY(heta_i_take_size(r, &to, &f->last));
  if (f->first > f->last || f->last >= f->generation)
    return heta_i_field_wrong(r, &span, "is %zu to %zu of %zu generated tokens", f->first, f->last,
                              f->generation);
  return HETA_OK;
}

/* Numbers for the prompt, then those for what was generated before the span, where there are any.
 */
static heta_status read_scores(const flashtrace *f, const heta_i_field *prompt,
                               const heta_i_field *generation, double *out) {
  const heta_i_reading *r = &f->importer->reading;
  const double *values;
  HETA_TRY(heta_i_take_reals(r, prompt, f->prompt, "prompt tokens", &values));
  memcpy(out, values, f->prompt * sizeof *out);
  for (size_t i = 0; i < f->first; i++) out[f->prompt + i] = 0; /* only the prompt was scored */
  if (!given(generation) || !json_array_size(generation->value)) return HETA_OK;
  HETA_TRY(heta_i_take_reals(r, generation, f->generation, "generated tokens", &values));
  memcpy(out + f->prompt, values, f->first * sizeof *out);
  return HETA_OK;
}

static heta_status read_numbers(const flashtrace *f, const heta_i_field *root) {
  const heta_i_reading *r = &f->importer->reading;
  heta_i_field hops = OF(*root, "per_hop_scores"), later = OF(*root, "per_hop_generation_scores");
  heta_i_field scores = OF(*root, "scores"), generated = OF(*root, "generation_scores");
  const char **names;
  size_t count = 0;
  if (given(&hops)) HETA_TRY(heta_i_take_array(r, &hops, &count));
  HETA_TRY(heta_i_take_room(r, count + 1, sizeof *names, &names));
  for (size_t h = 0; h < count; h++) {
    names[h] = heta_i_arena_print(r->arena, "hop_%zu", h + 1);
    if (!names[h]) return heta_i_no_memory(r->error, "a name", 8);
  }
  HETA_TRY(heta_i_import_rows(f->importer, true, names, count));
  HETA_TRY(read_scores(f, &scores, &generated, heta_i_import_score(f->importer, 0)));
  for (size_t h = 0; h < count; h++) {
    heta_i_field own = heta_i_field_at(&hops, h), of_generation = {&later, NULL, h, NULL};
    if (json_is_array(later.value)) of_generation = heta_i_field_at(&later, h);
    HETA_TRY(read_scores(f, &own, &of_generation, heta_i_import_part(f->importer, 0, h)));
  }
  return HETA_OK;
}

static heta_status read_facts(const flashtrace *f, const heta_i_field *root) {
  const heta_i_reading *r = &f->importer->reading;
  static const char *const MODEL[] = {"model", "model_name", "model_id", "model_name_or_path"};
  heta_i_field method = OF(*root, "method"), about = OF(*root, "metadata");
  const char *name = NULL, *model = NULL;
  if (json_is_string(method.value)) HETA_TRY(heta_i_take_string(r, &method, &name));
  for (size_t i = 0; i < sizeof MODEL / sizeof *MODEL && !model; i++) {
    heta_i_field field = OF(about, MODEL[i]);
    if (json_is_string(field.value)) HETA_TRY(heta_i_take_string(r, &field, &model));
  }
  heta_i_import_method(f->importer, name, "a method of flashtrace");
  heta_i_import_model(f->importer, model, NULL);
  f->importer->to->attribution.objective = "unknown";
  return HETA_OK;
}

heta_status heta_i_import_flashtrace(heta_i_importer *importer, const heta_i_field *root) {
  const heta_i_reading *r = &importer->reading;
  flashtrace f = {.importer = importer};
  heta_i_field prompt = OF(*root, "prompt_tokens"), generation = OF(*root, "generation_tokens");
  heta_i_name *names;
  heta_target *targets;
  HETA_TRY(heta_i_take_array(r, &prompt, &f.prompt));
  HETA_TRY(heta_i_take_array(r, &generation, &f.generation));
  if (!f.generation)
    return heta_i_field_wrong(r, &generation, "is empty: there is nothing that is explained");
  HETA_TRY(heta_i_take_room(r, f.prompt + f.generation + 1, sizeof *names, &names));
  HETA_TRY(read_names(r, &prompt, names));
  HETA_TRY(read_names(r, &generation, names + f.prompt));
  HETA_TRY(read_span(&f, root));
  HETA_TRY(read_facts(&f, root));
  size_t first = f.prompt + f.first;
  HETA_TRY(heta_i_import_tokens(importer, names, f.prompt + f.generation, f.prompt, NULL, false));
  HETA_TRY(heta_i_import_targets(importer, first, f.last - f.first + 1, "generated", &targets));
  return read_numbers(&f, root);
}
