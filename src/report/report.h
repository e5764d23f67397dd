/* report.h: the forms a report can take. Each writes a checked attribution to the end of a writer;
 * output failures stay in the writer. */
#ifndef HETA_REPORT_REPORT_H
#define HETA_REPORT_REPORT_H

#include "report/headline.h"
#include "report/rollup.h"
#include "report/view.h"
#include "report/writer.h"

/* The result file (schema/heta.attribution-1.schema.json), as one object or cut at its rows, with
 * the roll-up that was asked for beside the result's own. */
void heta_i_report_json(heta_i_writer *writer, const heta_attribution *attribution,
                        const heta_report_options *options, const heta_rollup *asked,
                        const heta_i_headline *headline);
void heta_i_report_jsonl(heta_i_writer *writer, const heta_attribution *attribution,
                         const heta_report_options *options, const heta_rollup *asked,
                         const heta_i_headline *headline);
/* One line per target and unit (RFC 4180 with bare line feeds), first the names of the columns. */
void heta_i_report_csv(heta_i_writer *writer, const heta_attribution *attribution,
                       const heta_rollup *rollup);
/* A zip archive of arrays, rows × units, NaN where there is nothing. HETA_E_MEMORY. */
heta_status heta_i_report_npz(heta_i_writer *writer, const heta_attribution *attribution,
                              const heta_rollup *rollup, heta_error *error);
/* What Inseq loads: docs/exchange.md. HETA_E_ARGUMENT, HETA_E_UNSUPPORTED. */
heta_status heta_i_report_inseq(heta_i_writer *writer, const heta_attribution *attribution,
                                heta_error *error);
/* What flashtrace writes: docs/exchange.md. HETA_E_ARGUMENT, HETA_E_MEMORY. */
heta_status heta_i_report_flashtrace(heta_i_writer *writer, const heta_attribution *attribution,
                                     heta_error *error);
/* Each target's text as a picture. HETA_E_MEMORY. */
heta_status heta_i_report_svg(heta_i_writer *writer, const heta_attribution *attribution,
                              const heta_i_units *units, const heta_rollup *rollup,
                              heta_error *error);
/* The keys of the result file that the page takes as they are: all but rows, sums and facts about
 * the run. */
void heta_i_report_page_facts(heta_i_writer *writer, const heta_attribution *attribution,
                              const heta_report_options *options);
/* "target": its index, or "all". */
void heta_i_key_target(heta_i_writer *writer, const heta_row *row);
/* What page.js reads: the facts, "rows" with their numbers packed, and "view", what the page cannot
 * work out by itself. HETA_E_MEMORY. */
heta_status heta_i_report_page_data(heta_i_writer *writer, const heta_attribution *attribution,
                                    const heta_report_options *options, heta_error *error);

/* HETA_E_MEMORY. */
heta_status heta_i_report_term(heta_i_writer *writer, const heta_attribution *attribution,
                               const heta_report_options *options, const heta_i_units *units,
                               const heta_rollup *rollup, const heta_i_headline *headline,
                               heta_error *error);
heta_status heta_i_report_html(heta_i_writer *writer, const heta_attribution *attribution,
                               const heta_report_options *options, heta_error *error);

/* page.html, NUL-terminated; made by the build. */
extern const unsigned char heta_i_report_page[];

#endif
