/* What the files that read PTX share. */
#include "device.h"

typedef struct {
    const char *at, *statement;
    int line, capability, target, register_bytes, constant_capacity, code_capacity;
    Names names, module_names;
    Kernel *kernel;
    Module *module;
    char *error;
    int error_bytes;
    jmp_buf on_error;
} Parser;

/* tokens.c */
_Noreturn void refuse(Parser *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
void skip_blanks(Parser *p);
int next_word(Parser *p, char *word, int bytes);
void expect(Parser *p, const char *expected);
int64_t next_number(Parser *p);
