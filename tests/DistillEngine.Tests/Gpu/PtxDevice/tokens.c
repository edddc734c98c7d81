/* Words and numbers of a text, and what to say where they are others than expected. */
#include "parser.h"
#include <ctype.h>

_Noreturn void refuse(Parser *p, const char *format, ...) {
    va_list arguments;
    int length = snprintf(p->error, p->error_bytes, "%s, line %d: `%.*s`: ", p->kernel ? p->kernel->name : "module", p->line,
        p->statement ? (int)strcspn(p->statement, ";\n") : 0, p->statement);
    va_start(arguments, format);
    if (length < p->error_bytes) vsnprintf(p->error + length, p->error_bytes - length, format, arguments);
    va_end(arguments);
    longjmp(p->on_error, 1);
}

void skip_blanks(Parser *p) {
    for (;; p->at++) {
        if (p->at[0] == '/' && p->at[1] == '/') p->at += strcspn(p->at, "\n");
        if (*p->at == '\n') p->line++;
        if (!*p->at || !isspace((unsigned char)*p->at)) return;
    }
}

static int is_of_word(int c) { return isalnum(c) || c == '_' || c == '$' || c == '%' || c == '.'; }

/* The next word or sign. */
int next_word(Parser *p, char *word, int bytes) {
    skip_blanks(p);
    int length = 0;
    while (is_of_word((unsigned char)p->at[length])) length++;
    if (!length && *p->at) length = 1;
    if (length >= bytes) refuse(p, "a word is too long");
    memcpy(word, p->at, length);
    word[length] = 0;
    p->at += length;
    return length > 0;
}

void expect(Parser *p, const char *expected) {
    char word[256];
    if (!next_word(p, word, sizeof word) || strcmp(word, expected)) refuse(p, "expected '%s', got '%s'", expected, word);
}

int64_t next_number(Parser *p) {
    char word[256], *end;
    next_word(p, word, sizeof word);
    int64_t value = strtoll(word, &end, 0);
    if (*end || end == word) refuse(p, "expected a number, got '%s'", word);
    return value;
}
