/* folder.h: the parts of reading a tokenizer from a folder. They name the field in messages; the
 * file is named by who reads it. */
#ifndef HETA_TEXT_FOLDER_H
#define HETA_TEXT_FOLDER_H

#include "text/definition.h"

/* Reads a JSON file of the folder, whose top is an object. *out is the caller's reference, NULL for
 * a file that is not there if it is `optional`. Messages name file and byte. */
heta_status heta_i_json_load(const char *folder, const char *name, bool optional, json_t **out,
                             heta_error *error);
/* Puts "FOLDER/NAME: " before the message of a failure. */
heta_status heta_i_json_name_file(heta_status status, const char *folder, const char *name,
                                  heta_error *error);

/* Fields of an object. One that is absent or null leaves *out alone; one of another type is refused
 * with `where`, the object's own name, before its key. Strings are borrowed and have no NUL. */
heta_status heta_i_member_flag(const json_t *object, const char *where, const char *key, bool *out,
                               heta_error *error);
heta_status heta_i_member_string(const json_t *object, const char *where, const char *key,
                                 const char **out, heta_error *error);
heta_status heta_i_member_object(const json_t *object, const char *where, const char *key,
                                 const json_t **out, heta_error *error);
heta_status heta_i_member_array(const json_t *object, const char *where, const char *key,
                                const json_t **out, heta_error *error);

/* tokenizer.json: model and added_tokens become out->tokens, merges and what goes with them. */
heta_status heta_i_json_model(const json_t *top, size_t rows, heta_i_definition *out,
                              heta_error *error);
/* normalizer and pre_tokenizer become rewrites and cuts. */
heta_status heta_i_json_steps(const json_t *top, heta_i_definition *out, heta_error *error);
/* post_processor and the folder's other files: which tokens are bos, eos, unk and pad, whether bos
 * is put before a text, and the chat template. Names the file itself. */
heta_status heta_i_json_settings(const json_t *top, const char *folder, heta_i_definition *out,
                                 heta_error *error);

#endif
