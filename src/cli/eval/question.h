/* question.h: an item as a model reads it, and its scores by a method. */
#ifndef HETA_CLI_EVAL_QUESTION_H
#define HETA_CLI_EVAL_QUESTION_H

#include "cli/eval/run.h"

/* Tokens of the item's text and the first one of its target. A problem of the item itself (its text
 * is too long, its target no whole character) goes to `problem`, and the exit code is CLI_DONE. */
int eval_question_tokens(const heta_model *model, const eval_item *item, eval_tokens *tokens,
                         char problem[CLI_MESSAGE]);
/* The job that scores an item's tokens, for their target or, without a text of it, for what the
 * model writes; *job stays NULL with a problem. */
int eval_question_job(const eval_request *request, const eval_item *item, const eval_tokens *tokens,
                      const eval_method *method, const heta_attribute_options *base, heta_job **job,
                      char problem[CLI_MESSAGE]);
/* The record of a job that is finished. */
int eval_question_score(heta_job *job, const eval_tokens *tokens, eval_score *score);
/* Which tokens lie in a span of this role; NULL (and CLI_DONE) when there is no such span. */
int eval_question_mask(const eval_item *item, const eval_tokens *tokens, const char *role,
                       bool **mask);

/* The item with its foil in the answer's place (eval_item_answer): its text, its tokens, and for
 * each of these the one of the item that stands there. With a problem, or without a foil, place
 * stays NULL. The caller frees all. */
int eval_question_foil(const heta_model *model, const eval_item *item, const eval_tokens *own,
                       char **text, eval_tokens *tokens, size_t **place, char problem[CLI_MESSAGE]);

/* pairs.c: words that a text and its paraphrase have in common. */
typedef struct eval_pairs {
  size_t *own, *other; /* for each token of the text, and of the paraphrase: its pair's number, or
                          SIZE_MAX */
  size_t count;
} eval_pairs;

int eval_pairs_find(const char *text, const eval_tokens *tokens, const char *other_text,
                    const eval_tokens *other_tokens, eval_pairs *out);
void eval_pairs_free(eval_pairs *pairs);

/* derive.c */
/* Whether scores of `to` follow from the parts of a result of `from`. */
bool eval_derivable(const eval_method *from, const eval_method *to);
/* These scores; the cost recorded is that of the run they come from. */
int eval_derive(const heta_attribution *attribution, const eval_method *to, const eval_score *from,
                eval_score *out);

#endif
