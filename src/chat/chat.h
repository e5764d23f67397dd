/* chat.h: conversations as one text whose parts are named. A style is how a family of models writes
 * a conversation; a model's template is recognised by its fingerprint and rendered by its style. */
#ifndef HETA_CHAT_CHAT_H
#define HETA_CHAT_CHAT_H

#include "base/buffer.h"
#include "base/memory.h"
#include "base/status.h"

typedef enum heta_i_role {
  HETA_ROLE_SYSTEM,
  HETA_ROLE_USER,
  HETA_ROLE_ASSISTANT,
  HETA_ROLE_TOOL,
  HETA_ROLES
} heta_i_role;

/* "system", "user", …; NULL beyond the last. */
const char *heta_i_role_name(heta_i_role role);
/* False when there is no role of that name. */
bool heta_i_role_find(const char *name, heta_i_role *out);

/* A conversation that is about to be rendered: all but an answer at its end. Borrowed. */
typedef struct heta_i_talk {
  const heta_message *messages;
  const heta_i_role *roles;
  size_t count;
  const heta_document *documents; /* they stand before the text of message `question` */
  size_t document_count;
  size_t question; /* the last user message; count: there is none */
} heta_i_talk;

/* A text that is being written, part by part. page.c */
typedef struct heta_i_page {
  const char *bos, *eos; /* names of these tokens; "" where the model has none */
  heta_i_buffer text;
  heta_segment *segments; /* owned; strings in the arena */
  size_t count, room;
  size_t templates; /* segments of the template so far */
  size_t message;   /* the message that is being written, counted from 1; 0: none */
  heta_i_arena arena;
  bool failed; /* memory ran out, or the text is too long */
} heta_i_page;

/* Both stand for a name in a literal. */
#define HETA_CHAT_BOS "\x01"
#define HETA_CHAT_EOS "\x02"

enum { HETA_TRIM_LEFT = 1, HETA_TRIM_RIGHT = 2, HETA_TRIM_BOTH = 3 };

/* Adds what the template writes. */
void heta_i_page_literal(heta_i_page *page, const char *literal);
/* Adds bytes of a part of this role. */
void heta_i_page_part(heta_i_page *page, const char *role, const char *name, const char *bytes,
                      size_t size);
/* Adds what message `index` says, documents first where it is the question, without the white space
 * at the ends that `trim` names. */
void heta_i_page_say(heta_i_page *page, const heta_i_talk *talk, size_t index, unsigned trim);
void heta_i_page_free(heta_i_page *page);
/* Without the white space at the ends that `trim` names: Unicode's, and the separators of ASCII. */
void heta_i_trim(const char **bytes, size_t *size, unsigned trim);

/* What a template adds to its style. */
enum {
  HETA_CHAT_WITH_BOS = 1,      /* it begins with the BOS token */
  HETA_CHAT_ALTERNATE = 2,     /* user and assistant take turns, after a system message if any */
  HETA_CHAT_NO_SYSTEM = 4,     /* system messages are refused, or would be dropped */
  HETA_CHAT_TRIM = 8,          /* white space around what is said is dropped */
  HETA_CHAT_TRIM_ANSWERS = 16, /* of assistant messages only */
  HETA_CHAT_TRIM_TURN = 32,    /* around system and user text of one turn, not between them */
  HETA_CHAT_SYSTEM_LAST = 64,  /* the system message joins the last turn, not the first */
  HETA_CHAT_THINKING = 128,    /* what was thought (…</think>) is left out of earlier answers */
  HETA_CHAT_PLAIN = 256,       /* no template at all: neither roles nor BOS are written */
  HETA_CHAT_NO_TOOLS = 512     /* tools' answers are refused */
};

typedef struct heta_i_style heta_i_style;
struct heta_i_style {
  heta_chat_template_info info;
  heta_status (*render)(heta_i_page *page, const heta_i_talk *talk, const heta_i_style *style,
                        unsigned flags, heta_error *error);
  unsigned flags;                                   /* unless a template says otherwise */
  const char *open[HETA_ROLES], *close[HETA_ROLES]; /* around a message; open NULL: no such role */
  const char *ask;                                  /* what makes the model answer */
  const char *preset; /* the system message of a conversation that begins with none, or NULL */
  const char *again;  /* `open` of later user turns, or NULL: the same */
  const char *before, *after; /* around a system message that joins a user turn */
};

/* styles.c: NULL beyond the last, or where there is none of that name. */
const heta_i_style *heta_i_style_at(size_t index);
const heta_i_style *heta_i_style_find(const char *name);

/* known.c: the SHA-256 of a template without what makes no difference: how line breaks are written,
 * white space between its words and at its ends. */
enum { HETA_CHAT_FINGERPRINT = 65 };
heta_status heta_i_chat_fingerprint(const char *source, char out[HETA_CHAT_FINGERPRINT],
                                    heta_error *error);
/* The style of a template, and its flags; NULL when the fingerprint is not known. */
const heta_i_style *heta_i_chat_known(const char *fingerprint, unsigned *flags);

/* Writes the talk, up to where the model would answer. HETA_E_ARGUMENT: the style has no form for
 * it; the message says which message is in the way. */
heta_status heta_i_chat_render(heta_i_page *page, const heta_i_talk *talk,
                               const heta_i_style *style, unsigned flags, heta_error *error);

#endif
