/* report.h: the forms a report can take. Each writes a checked attribution to the end of a writer;
 * output failures stay in the writer. */
#ifndef HETA_REPORT_REPORT_H
#define HETA_REPORT_REPORT_H

#include "report/view.h"
#include "report/writer.h"

/* The result file (schema/heta.attribution-1.schema.json), as one object or cut at its rows. */
void heta_i_report_json(heta_i_writer *writer, const heta_attribution *attribution,
                        const heta_report_options *options);
void heta_i_report_jsonl(heta_i_writer *writer, const heta_attribution *attribution,
                         const heta_report_options *options);
/* The result file as the page carries it: short numbers, no facts about the run, and a key "view"
 * with what the page cannot work out by itself. */
void heta_i_report_page_data(heta_i_writer *writer, const heta_attribution *attribution,
                             const heta_report_options *options, const heta_i_units *units);

/* HETA_E_MEMORY. */
heta_status heta_i_report_term(heta_i_writer *writer, const heta_attribution *attribution,
                               const heta_report_options *options, const heta_i_units *units,
                               heta_error *error);
void heta_i_report_html(heta_i_writer *writer, const heta_attribution *attribution,
                        const heta_report_options *options, const heta_i_units *units);

/* page.html, NUL-terminated; made by the build. */
extern const unsigned char heta_i_report_page[];

#endif
