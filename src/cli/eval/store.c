/* store.c: the database: opening it, refusing what is not it, records in and out. */
#include "cli/eval/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define FORMAT "heta.eval/1"
enum { APPLICATION = 0x68657461 }; /* "heta", in the file's header */

/* Scores that metrics compare with, in a table of their own: no report takes them for a method's.
 * It came later than the others, and is made when a file without it is opened for writing. */
static const char AGAIN[] =
    "CREATE TABLE IF NOT EXISTS again(id INTEGER PRIMARY KEY, item INTEGER NOT NULL REFERENCES"
    " item, method TEXT NOT NULL, change TEXT NOT NULL, options TEXT NOT NULL, seed INTEGER NOT"
    " NULL, engine TEXT NOT NULL, label TEXT NOT NULL, target INTEGER, score BLOB, signed_score"
    " BLOB, score_se BLOB, logprob REAL, rank INTEGER, seconds REAL NOT NULL, forwards INTEGER NOT"
    " NULL, reverses INTEGER NOT NULL, hvps INTEGER NOT NULL, flop REAL NOT NULL, problem TEXT,"
    " made TEXT NOT NULL DEFAULT (datetime('now')), UNIQUE(item, method, options, seed, engine,"
    " change));";

static const char SCHEMA[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE item(id INTEGER PRIMARY KEY, suite TEXT NOT NULL, name TEXT NOT NULL,"
    " source TEXT NOT NULL, digest TEXT NOT NULL, text TEXT NOT NULL, target TEXT NOT NULL,"
    " spans TEXT NOT NULL, UNIQUE(suite, name));"
    "CREATE TABLE tokens(item INTEGER PRIMARY KEY REFERENCES item, ids BLOB NOT NULL,"
    " apart BLOB NOT NULL, starts BLOB NOT NULL, ends BLOB NOT NULL, target INTEGER NOT NULL,"
    " target_text BLOB NOT NULL);"
    "CREATE TABLE score(id INTEGER PRIMARY KEY, item INTEGER NOT NULL REFERENCES item,"
    " method TEXT NOT NULL, label TEXT NOT NULL, options TEXT NOT NULL, seed INTEGER NOT NULL,"
    " engine TEXT NOT NULL, score BLOB, signed_score BLOB, score_se BLOB, logprob REAL,"
    " rank INTEGER, seconds REAL NOT NULL, forwards INTEGER NOT NULL, reverses INTEGER NOT NULL,"
    " hvps INTEGER NOT NULL, flop REAL NOT NULL, problem TEXT, made TEXT NOT NULL DEFAULT"
    " (datetime('now')), UNIQUE(item, method, options, seed, engine));"
    "CREATE TABLE metric(score INTEGER NOT NULL REFERENCES score, metric TEXT NOT NULL,"
    " settings TEXT NOT NULL, seconds REAL NOT NULL, problem TEXT,"
    " PRIMARY KEY(score, metric, settings)) WITHOUT ROWID;"
    "CREATE TABLE measure(score INTEGER NOT NULL REFERENCES score, metric TEXT NOT NULL,"
    " settings TEXT NOT NULL, name TEXT NOT NULL, points BLOB NOT NULL,"
    " PRIMARY KEY(score, metric, settings, name)) WITHOUT ROWID;";

static int fail(eval_store *store) {
  int why = sqlite3_errcode(store->db) & 0xff;
  const char *text = sqlite3_errmsg(store->db);
  if (why == SQLITE_NOTADB || why == SQLITE_CORRUPT) {
    return cli_fail(CLI_FAILED, "'%s' is no evaluation database, or is damaged: %s", store->path,
                    text);
  }
  if (why == SQLITE_FULL || why == SQLITE_IOERR) {
    return cli_fail(
        CLI_FAILED,
        "'%s' could not be written: the disk is full, or failed. What was finished before is kept; "
        "make room and run the same command again",
        store->path);
  }
  if (why == SQLITE_READONLY || why == SQLITE_CANTOPEN) {
    return cli_fail(CLI_FAILED,
                    "'%s' cannot be written: the file and its folder, in which SQLite keeps a "
                    "journal, must both be writable",
                    store->path);
  }
  return cli_fail(CLI_FAILED, "'%s': %s", store->path, text);
}

static int no_memory(void) { return cli_fail(CLI_FAILED, "out of memory"); }

sqlite3_stmt *eval_store_prepare(eval_store *store, const char *sql) {
  sqlite3_stmt *statement = NULL;
  if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) == SQLITE_OK) return statement;
  fail(store);
  return NULL;
}

int eval_store_step(eval_store *store, sqlite3_stmt *statement) {
  int got = sqlite3_step(statement);
  if (got != SQLITE_ROW && got != SQLITE_DONE) fail(store);
  return got;
}

static int execute(eval_store *store, const char *sql) {
  return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? CLI_DONE : fail(store);
}

/* Runs a prepared statement that yields no rows, and releases it. */
static int finish(eval_store *store, sqlite3_stmt *statement) {
  int got = eval_store_step(store, statement);
  sqlite3_finalize(statement);
  return got == SQLITE_DONE || got == SQLITE_ROW ? CLI_DONE : CLI_FAILED;
}

static void bind(sqlite3_stmt *statement, int at, const char *text) {
  sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

/* ---- Opening -------------------------------------------------------------------------------- */

/* SQLite takes a file of a few bytes for an empty database: look before it writes. */
static int check_file(eval_store *store) {
  char head[16];
  ssize_t got = pread(store->lock, head, sizeof head, 0);
  if (got == 0 || (got == 16 && memcmp(head, "SQLite format 3", 16) == 0)) return CLI_DONE;
  return cli_fail(CLI_FAILED, "'%s' is no evaluation database: heta eval --db makes one",
                  store->path);
}

/* SQLite's own locks protect single transactions; this one, a whole run. The system drops it when
 * the process ends, however it ends. */
static int take_lock(eval_store *store) {
  store->lock = open(store->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (store->lock < 0) {
    return cli_fail(CLI_FAILED, "'%s' could not be opened: %s", store->path, strerror(errno));
  }
  if (flock(store->lock, LOCK_EX | LOCK_NB) == 0) return CLI_DONE;
  if (errno == EWOULDBLOCK) {
    return cli_fail(CLI_FAILED,
                    "'%s' is being written by another process; wait for it, or give another --db",
                    store->path);
  }
  return cli_fail(CLI_FAILED, "'%s' could not be locked: %s", store->path, strerror(errno));
}

static int set_meta(eval_store *store, const char *key, const char *value) {
  sqlite3_stmt *s = eval_store_prepare(store, "INSERT INTO meta VALUES(?, ?)");
  if (!s) return CLI_FAILED;
  bind(s, 1, key);
  bind(s, 2, value);
  return finish(store, s);
}

static int get_meta(eval_store *store, const char *key, char *value, size_t room) {
  sqlite3_stmt *s = eval_store_prepare(store, "SELECT value FROM meta WHERE key = ?");
  if (!s) return CLI_FAILED;
  bind(s, 1, key);
  int got = eval_store_step(store, s);
  snprintf(value, room, "%s", got == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : "");
  sqlite3_finalize(s);
  return got == SQLITE_ROW || got == SQLITE_DONE ? CLI_DONE : CLI_FAILED;
}

/* Whether the file holds nothing yet. */
static int is_empty(eval_store *store, bool *empty) {
  sqlite3_stmt *s = eval_store_prepare(store, "SELECT count(*) FROM sqlite_master");
  if (!s) return CLI_FAILED;
  int got = eval_store_step(store, s);
  *empty = got == SQLITE_ROW && sqlite3_column_int(s, 0) == 0;
  sqlite3_finalize(s);
  return got == SQLITE_ROW ? CLI_DONE : CLI_FAILED;
}

static int check_format(eval_store *store) {
  char format[64] = "";
  sqlite3_stmt *s = eval_store_prepare(store, "PRAGMA application_id");
  if (!s) return CLI_FAILED;
  int got = eval_store_step(store, s), id = got == SQLITE_ROW ? sqlite3_column_int(s, 0) : 0;
  sqlite3_finalize(s);
  if (id != APPLICATION) {
    return cli_fail(CLI_FAILED, "'%s' is no evaluation database: heta eval --db makes one",
                    store->path);
  }
  int code = get_meta(store, "format", format, sizeof format);
  if (code || strcmp(format, FORMAT) == 0) return code;
  return cli_fail(CLI_FAILED,
                  "'%s' has the form %s, which this version of heta does not know (it knows "
                  "%s); use the version that made it, or another --db",
                  store->path, format, FORMAT);
}

static int make(eval_store *store, const heta_model_info *model) {
  char pragma[64];
  snprintf(pragma, sizeof pragma, "PRAGMA application_id = %d", APPLICATION);
  int code = execute(store, "BEGIN IMMEDIATE");
  if (!code) code = execute(store, pragma);
  if (!code) code = execute(store, SCHEMA);
  if (!code) code = set_meta(store, "format", FORMAT);
  if (!code) code = set_meta(store, "made_by", heta_version());
  if (!code) code = set_meta(store, "model", model->name);
  if (!code) code = set_meta(store, "model_file", model->file);
  if (!code) code = set_meta(store, "architecture", model->architecture);
  if (!code) code = set_meta(store, "fingerprint_kind", model->fingerprint_kind);
  if (!code) code = set_meta(store, "fingerprint", model->fingerprint);
  return code ? code : execute(store, "COMMIT");
}

static int check_model(eval_store *store, const heta_model_info *model) {
  char kind[64], fingerprint[128], file[512];
  int code = get_meta(store, "fingerprint_kind", kind, sizeof kind);
  if (!code) code = get_meta(store, "fingerprint", fingerprint, sizeof fingerprint);
  if (!code) code = get_meta(store, "model_file", file, sizeof file);
  if (code) return code;
  if (!strcmp(kind, model->fingerprint_kind) && !strcmp(fingerprint, model->fingerprint)) {
    return CLI_DONE;
  }
  return cli_fail(CLI_FAILED,
                  "'%s' belongs to another model: its %s is %.16s… (%s), that of '%s' is %.16s…; "
                  "give the same model, or another --db",
                  store->path, kind, fingerprint, file, model->file, model->fingerprint);
}

int eval_store_check_whole(eval_store *store, const heta_model_info *model) {
  static const char KEY[] = "model_sha256";
  char known[128];
  int code = get_meta(store, KEY, known, sizeof known);
  if (!code && !known[0]) return set_meta(store, KEY, model->fingerprint);
  if (code || !strcmp(known, model->fingerprint)) return code;
  return cli_fail(CLI_FAILED,
                  "'%s' belongs to another model: the file '%s' has changed since, its sha256 was "
                  "%.16s… and is %.16s…; give the same model, or another --db",
                  store->path, model->file, known, model->fingerprint);
}

/* Names like ":memory:" and "file:…" mean something to SQLite: here each names a file. */
static int open_file(eval_store *store, int flags) {
  size_t room = strlen(store->path) + 3;
  char *path = malloc(room);
  if (!path) return no_memory();
  snprintf(path, room, "%s%s", store->path[0] == '/' ? "" : "./", store->path);
  int got = sqlite3_open_v2(path, &store->db, flags, NULL);
  free(path);
  if (got != SQLITE_OK) return fail(store);
  sqlite3_busy_timeout(store->db, 20000);
  return CLI_DONE;
}

/* What is in an open file or copy is made, or checked. */
static int enter(eval_store *store, const heta_model_info *model) {
  bool empty = false;
  int code = is_empty(store, &empty);
  if (!code) code = empty ? make(store, model) : check_format(store);
  if (!code) code = check_model(store, model);
  return code ? code : execute(store, AGAIN);
}

int eval_store_open(const char *path, const heta_model_info *model, eval_store *store) {
  *store = (eval_store){.path = path, .lock = -1};
  int code = take_lock(store);
  if (!code) code = check_file(store);
  if (!code) code = open_file(store, SQLITE_OPEN_READWRITE);
  if (!code) code = execute(store, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
  if (!code) code = enter(store, model);
  if (code) eval_store_close(store);
  return code;
}

/* Copies the file's content into the store's database. */
static int copy_file(eval_store *store) {
  eval_store file = {.path = store->path, .lock = open(store->path, O_RDONLY | O_CLOEXEC)};
  if (file.lock < 0) {
    return cli_fail(CLI_FAILED, "'%s' could not be opened: %s", file.path, strerror(errno));
  }
  int code = check_file(&file);
  if (!code) code = open_file(&file, SQLITE_OPEN_READONLY);
  if (!code) {
    sqlite3_backup *copy = sqlite3_backup_init(store->db, "main", file.db, "main");
    int got = copy ? sqlite3_backup_step(copy, -1) : SQLITE_ERROR;
    sqlite3_backup_finish(copy);
    if (got != SQLITE_DONE) code = fail(sqlite3_errcode(file.db) ? &file : store);
  }
  eval_store_close(&file);
  return code;
}

int eval_store_open_copy(const char *path, const heta_model_info *model, eval_store *store) {
  *store = (eval_store){.path = path, .lock = -1};
  int code = sqlite3_open(":memory:", &store->db) == SQLITE_OK ? CLI_DONE : fail(store);
  if (!code && access(path, F_OK) == 0) code = copy_file(store);
  if (!code) code = enter(store, model);
  if (code) eval_store_close(store);
  return code;
}

int eval_store_begin(eval_store *store) { return execute(store, "BEGIN IMMEDIATE"); }

int eval_store_commit(eval_store *store) {
  bool lost = sqlite3_get_autocommit(store->db) != 0; /* rolled back by what failed, and said */
  return lost ? CLI_DONE : execute(store, "COMMIT");
}

int eval_store_read(const char *path, eval_store *store) {
  *store = (eval_store){.path = path, .lock = -1};
  if (access(path, R_OK) != 0) {
    return cli_fail(CLI_FAILED, "'%s' could not be opened: %s", path, strerror(errno));
  }
  /* Not read-only for SQLite: what a killed run left half written is to be rolled back. */
  int code =
      open_file(store, access(path, W_OK) == 0 ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
  if (!code) code = check_format(store);
  if (code) eval_store_close(store);
  return code;
}

void eval_store_close(eval_store *store) {
  sqlite3_close(store->db);
  if (store->lock >= 0) close(store->lock); /* after SQLite, whose own locks this would drop */
  store->db = NULL;
  store->lock = -1;
}

/* ---- Items ---------------------------------------------------------------------------------- */

/* "gold 12 22;support 0 39;…" */
static char *spans_text(const eval_item *item) {
  size_t room = 1, used = 0;
  for (size_t i = 0; i < item->span_count; i++) room += strlen(item->spans[i].role) + 48;
  char *text = calloc(room, 1);
  for (size_t i = 0; text && i < item->span_count; i++) {
    used += (size_t)snprintf(text + used, room - used, "%s%zu %zu %s", i ? ";" : "",
                             item->spans[i].start, item->spans[i].end, item->spans[i].role);
  }
  return text;
}

static int add_item(eval_store *store, const eval_item *item, sqlite3_int64 *id) {
  char *spans = spans_text(item);
  sqlite3_stmt *s =
      eval_store_prepare(store, "INSERT INTO item(suite, name, source, digest, text, target, spans)"
                                " VALUES(?, ?, ?, ?, ?, ?, ?)");
  int code = s ? CLI_DONE : CLI_FAILED;
  if (s && !spans) {
    code = no_memory();
    sqlite3_finalize(s);
  }
  if (!code) {
    const char *texts[] = {item->suite, item->name,   item->source, item->digest,
                           item->text,  item->target, spans};
    for (int i = 0; i < 7; i++) bind(s, i + 1, texts[i]);
    code = finish(store, s);
    *id = sqlite3_last_insert_rowid(store->db);
  }
  free(spans);
  return code;
}

int eval_store_item(eval_store *store, const eval_item *item, sqlite3_int64 *id) {
  sqlite3_stmt *s =
      eval_store_prepare(store, "SELECT id, digest FROM item WHERE suite = ? AND name = ?");
  if (!s) return CLI_FAILED;
  bind(s, 1, item->suite);
  bind(s, 2, item->name);
  int got = eval_store_step(store, s), code = CLI_DONE;
  if (got == SQLITE_ROW) {
    *id = sqlite3_column_int64(s, 0);
    if (strcmp((const char *)sqlite3_column_text(s, 1), item->digest) != 0) {
      code = cli_fail(CLI_FAILED,
                      "item '%s' of suite '%s' is not what it was when '%s' was made; give the "
                      "suite as it was, or another --db",
                      item->name, item->suite, store->path);
    }
  }
  sqlite3_finalize(s);
  if (got == SQLITE_DONE) return add_item(store, item, id);
  return got == SQLITE_ROW ? code : CLI_FAILED;
}

static void bind_blob(sqlite3_stmt *s, int at, const void *bytes, size_t size) {
  if (bytes)
    sqlite3_bind_blob64(s, at, bytes, size, SQLITE_STATIC);
  else
    sqlite3_bind_null(s, at);
}

static int damaged(const eval_store *store) {
  return cli_fail(CLI_FAILED, "'%s' is damaged: a record has not the length it should have",
                  store->path);
}

/* A copy of a blob of `count` things of `size` bytes, with room for one byte more. NULL after
 * saying what is wrong, in *code, or when something was before. */
static void *blob(const eval_store *store, sqlite3_stmt *s, int column, size_t count, size_t size,
                  int *code) {
  if (*code) return NULL;
  const void *bytes = sqlite3_column_blob(s, column);
  bool right = bytes && (size_t)sqlite3_column_bytes(s, column) == count * size;
  void *copy = right ? malloc(count * size + 1) : NULL;
  if (copy)
    memcpy(copy, bytes, count * size);
  else
    *code = right ? no_memory() : damaged(store);
  return copy;
}

int eval_store_get_tokens(eval_store *store, sqlite3_int64 item, eval_tokens *tokens, bool *found) {
  *tokens = (eval_tokens){0};
  sqlite3_stmt *s = eval_store_prepare(
      store, "SELECT ids, apart, starts, ends, target, target_text FROM tokens WHERE item = ?");
  if (!s) return CLI_FAILED;
  sqlite3_bind_int64(s, 1, item);
  int got = eval_store_step(store, s), code = CLI_DONE;
  *found = got == SQLITE_ROW;
  if (*found) {
    size_t n = tokens->length = (size_t)sqlite3_column_bytes(s, 0) / sizeof(int32_t);
    size_t size = (size_t)sqlite3_column_bytes(s, 5);
    tokens->ids = blob(store, s, 0, n, sizeof *tokens->ids, &code);
    tokens->apart = blob(store, s, 1, n, sizeof *tokens->apart, &code);
    tokens->start = blob(store, s, 2, n, sizeof *tokens->start, &code);
    tokens->end = blob(store, s, 3, n, sizeof *tokens->end, &code);
    tokens->target = sqlite3_column_int(s, 4);
    tokens->target_text = blob(store, s, 5, size, 1, &code);
    if (tokens->target_text) tokens->target_text[size] = 0;
  }
  sqlite3_finalize(s);
  if (code) eval_tokens_free(tokens);
  return got == SQLITE_ROW || got == SQLITE_DONE ? code : CLI_FAILED;
}

int eval_store_put_tokens(eval_store *store, sqlite3_int64 item, const eval_tokens *tokens) {
  sqlite3_stmt *s = eval_store_prepare(store, "INSERT INTO tokens VALUES(?, ?, ?, ?, ?, ?, ?)");
  if (!s) return CLI_FAILED;
  size_t n = tokens->length;
  sqlite3_bind_int64(s, 1, item);
  bind_blob(s, 2, tokens->ids, n * sizeof *tokens->ids);
  bind_blob(s, 3, tokens->apart, n * sizeof *tokens->apart);
  bind_blob(s, 4, tokens->start, n * sizeof *tokens->start);
  bind_blob(s, 5, tokens->end, n * sizeof *tokens->end);
  sqlite3_bind_int(s, 6, tokens->target);
  bind_blob(s, 7, tokens->target_text, strlen(tokens->target_text));
  return finish(store, s);
}

void eval_tokens_free(eval_tokens *tokens) {
  free(tokens->ids);
  free(tokens->apart);
  free(tokens->start);
  free(tokens->end);
  free(tokens->target_text);
  *tokens = (eval_tokens){0};
}

/* ---- Scores --------------------------------------------------------------------------------- */

static void bind_key(sqlite3_stmt *s, sqlite3_int64 item, const eval_key *key) {
  sqlite3_bind_int64(s, 1, item);
  bind(s, 2, key->method);
  bind(s, 3, key->options);
  sqlite3_bind_int64(s, 4, (sqlite3_int64)key->seed);
  bind(s, 5, key->engine);
  if (key->change) bind(s, 6, key->change);
}

int eval_store_get_score(eval_store *store, sqlite3_int64 item, const eval_key *key,
                         eval_score *score) {
  *score = (eval_score){0};
  sqlite3_stmt *s = eval_store_prepare(
      store,
      key->change
          ? "SELECT id, score, signed_score, problem, rank, target FROM again WHERE item = ? AND"
            " method = ? AND options = ? AND seed = ? AND engine = ? AND change = ?"
          : "SELECT id, score, signed_score, problem, rank FROM score WHERE item = ? AND"
            " method = ? AND options = ? AND seed = ? AND engine = ?");
  if (!s) return CLI_FAILED;
  bind_key(s, item, key);
  int got = eval_store_step(store, s), code = CLI_DONE;
  if (got == SQLITE_ROW) {
    score->id = sqlite3_column_int64(s, 0);
    const char *problem = (const char *)sqlite3_column_text(s, 3);
    score->rank = (uint64_t)sqlite3_column_int64(s, 4);
    if (key->change) score->target = sqlite3_column_int(s, 5);
    size_t n = score->length = (size_t)sqlite3_column_bytes(s, 1) / sizeof(double);
    if (problem) {
      score->problem = strdup(problem);
      if (!score->problem) code = no_memory();
    } else {
      score->score = blob(store, s, 1, n, sizeof(double), &code);
      if (sqlite3_column_type(s, 2) != SQLITE_NULL) {
        score->signed_score = blob(store, s, 2, n, sizeof(double), &code);
      }
    }
  }
  sqlite3_finalize(s);
  if (code) eval_score_free(score);
  return got == SQLITE_ROW || got == SQLITE_DONE ? code : CLI_FAILED;
}

int eval_store_put_score(eval_store *store, sqlite3_int64 item, const eval_key *key,
                         eval_score *score) {
  sqlite3_stmt *s = eval_store_prepare(
      store,
      key->change
          ? "INSERT INTO again(item, method, options, seed, engine, change, label, score,"
            " signed_score, score_se, logprob, rank, seconds, forwards, reverses, hvps, flop,"
            " problem, target) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
          : "INSERT INTO score(item, method, options, seed, engine, label, score,"
            " signed_score, score_se, logprob, rank, seconds, forwards, reverses, hvps, flop,"
            " problem) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!s) return CLI_FAILED;
  size_t bytes = score->length * sizeof(double);
  int at = key->change ? 7 : 6;
  bind_key(s, item, key);
  bind(s, at++, key->label);
  bind_blob(s, at++, score->score, bytes);
  bind_blob(s, at++, score->signed_score, bytes);
  bind_blob(s, at++, score->score_se, bytes);
  sqlite3_bind_double(s, at++, score->logprob);
  sqlite3_bind_int64(s, at++, (sqlite3_int64)score->rank);
  sqlite3_bind_double(s, at++, score->seconds);
  sqlite3_bind_int64(s, at++, (sqlite3_int64)score->forwards);
  sqlite3_bind_int64(s, at++, (sqlite3_int64)score->reverses);
  sqlite3_bind_int64(s, at++, (sqlite3_int64)score->hvps);
  sqlite3_bind_double(s, at++, score->flop);
  bind(s, at++, score->problem);
  if (key->change) sqlite3_bind_int(s, at, score->target);
  int code = finish(store, s);
  score->id = sqlite3_last_insert_rowid(store->db);
  return code;
}

void eval_score_free(eval_score *score) {
  free(score->score);
  free(score->signed_score);
  free(score->score_se);
  free(score->problem);
  *score = (eval_score){0};
}

/* ---- Measures ------------------------------------------------------------------------------- */

static void bind_metric(sqlite3_stmt *s, sqlite3_int64 score, const char *metric,
                        const char *settings) {
  sqlite3_bind_int64(s, 1, score);
  bind(s, 2, metric);
  bind(s, 3, settings);
}

int eval_store_has_metric(eval_store *store, sqlite3_int64 score, const char *metric,
                          const char *settings, bool *found) {
  sqlite3_stmt *s = eval_store_prepare(
      store, "SELECT 1 FROM metric WHERE score = ? AND metric = ? AND settings = ?");
  if (!s) return CLI_FAILED;
  bind_metric(s, score, metric, settings);
  int got = eval_store_step(store, s);
  sqlite3_finalize(s);
  *found = got == SQLITE_ROW;
  return got == SQLITE_ROW || got == SQLITE_DONE ? CLI_DONE : CLI_FAILED;
}

static int put_measure(eval_store *store, sqlite3_int64 score, const char *metric,
                       const char *settings, const heta_measure *measure) {
  sqlite3_stmt *s = eval_store_prepare(store, "INSERT INTO measure VALUES(?, ?, ?, ?, ?)");
  if (!s) return CLI_FAILED;
  bind_metric(s, score, metric, settings);
  bind(s, 4, measure->info->name);
  bind_blob(s, 5, measure->values, measure->info->points * sizeof(double));
  return finish(store, s);
}

int eval_store_put_metric(eval_store *store, sqlite3_int64 score, const char *metric,
                          const char *settings, const heta_measure *measures, size_t count,
                          double seconds, const char *problem) {
  int code = execute(store, "BEGIN IMMEDIATE");
  if (code) return code;
  sqlite3_stmt *s = eval_store_prepare(store, "INSERT INTO metric VALUES(?, ?, ?, ?, ?)");
  if (!s) return CLI_FAILED;
  bind_metric(s, score, metric, settings);
  sqlite3_bind_double(s, 4, seconds);
  bind(s, 5, problem);
  code = finish(store, s);
  for (size_t m = 0; !code && !problem && m < count; m++) {
    code = put_measure(store, score, metric, settings, &measures[m]);
  }
  return code ? code : execute(store, "COMMIT");
}
