/* Reads PTX into instructions whose operands are offsets into a warp's registers. What it does not know it refuses. */
#include "parser.h"

extern const Row __start_rows[], __stop_rows[];

/* Constants lie before the registers; where those begin is known at the end. */
enum { IS_CONSTANT = 1 << 30 };

const Row *row_of(const char *opcode) {
    for (const Row *row = __start_rows; row < __stop_rows; row++)
        if (!strcmp(row->name, opcode)) return row;
    return NULL;
}

static int bits_of_type(Parser *p, const char *type) {
    if (!strcmp(type, ".pred")) return 1;
    if (strlen(type) >= 3 && strchr("busf", type[1])) {
        int bits = atoi(type + 2);
        if (bits == 8 || bits == 16 || bits == 32 || bits == 64) return bits;
    }
    refuse(p, "type '%s' is not known", type);
}

static int align(int offset, int to) { return (offset + to - 1) / to * to; }

static Name *declare(Parser *p, Names *names, const char *name, int kind) {
    Name *added = add_name(names, name, kind);
    if (!added) refuse(p, "'%s' is declared twice", name);
    return added;
}

/* .align 4 .b8 name[16], what .param, .shared and .local have in common; name[] has no bytes. */
static int next_variable(Parser *p, char *name, int bytes, int *alignment) {
    char word[256];
    *alignment = 0;
    next_word(p, word, sizeof word);
    if (!strcmp(word, ".align")) {
        *alignment = (int)next_number(p);
        next_word(p, word, sizeof word);
    }
    int size = bits_of_type(p, word) / 8;
    if (!*alignment) *alignment = size;
    next_word(p, name, bytes);
    skip_blanks(p);
    if (*p->at != '[') return size;
    p->at++;
    skip_blanks(p);
    int count = *p->at == ']' ? 0 : (int)next_number(p);
    expect(p, "]");
    return size * count;
}

static int add_register(Parser *p, int bits) {
    int offset = p->register_bytes;
    p->register_bytes += bits == 64 ? REGISTER_64 : REGISTER_32;
    return offset;
}

static void declare_registers(Parser *p) {
    char type[64], word[256], name[300];
    next_word(p, type, sizeof type);
    int bits = bits_of_type(p, type);
    if (bits != 1 && bits != 32 && bits != 64) refuse(p, "registers of type '%s' are not known", type);
    do {
        next_word(p, word, sizeof word);
        skip_blanks(p);
        int count = -1;
        if (*p->at == '<') {
            p->at++;
            count = (int)next_number(p);
            expect(p, ">");
        }
        for (int i = 0; i < (count < 0 ? 1 : count); i++) {
            if (count < 0) snprintf(name, sizeof name, "%s", word); else snprintf(name, sizeof name, "%s%d", word, i);
            Name *added = declare(p, &p->names, name, bits == 1 ? PREDICATE : REGISTER);
            added->bits = bits;
            added->offset = add_register(p, bits);
        }
        next_word(p, word, sizeof word);
    } while (!strcmp(word, ","));
    if (strcmp(word, ";")) refuse(p, "expected ';', got '%s'", word);
}

static void declare_memory(Parser *p, int kind) {
    char name[256];
    int alignment, bytes = next_variable(p, name, sizeof name, &alignment), *used = kind == SHARED ? &p->kernel->shared_bytes : &p->kernel->local_bytes;
    *used = align(*used, alignment);
    declare(p, &p->names, name, kind)->value = *used + (kind == SHARED ? SHARED_BASE : LOCAL_BASE);
    *used += bytes;
    expect(p, ";");
}

/* The offset of a register that holds a number in every lane. */
static int constant(Parser *p, int bits, uint64_t value) {
    char key[40];
    if (bits == 32) value = (uint32_t)value;
    snprintf(key, sizeof key, "#%d:%llx", bits, (unsigned long long)value);
    Name *name = find_name(&p->names, key);
    if (name) return name->offset;
    int bytes = bits == 64 ? REGISTER_64 : REGISTER_32, offset = p->kernel->constant_bytes;
    while (offset + bytes > p->constant_capacity) {
        p->constant_capacity = 2 * p->constant_capacity + 4096;
        p->kernel->constants = realloc(p->kernel->constants, p->constant_capacity);
    }
    for (int l = 0; l < LANES; l++) memcpy(p->kernel->constants + offset + l * bits / 8, &value, bits / 8);
    p->kernel->constant_bytes += bytes;
    return declare(p, &p->names, key, REGISTER)->offset = offset | IS_CONSTANT;
}

static int operand(Parser *p, const char *word, int bits) {
    uint64_t value;
    char *end;
    const Name *name = find_name(&p->names, word);
    if (!name) name = find_name(&p->module_names, word);
    if (name && (name->kind == REGISTER || name->kind == PREDICATE)) {
        if (name->bits != bits) refuse(p, "%s has %d bits, expected %d", word, name->bits, bits);
        return name->offset;
    }
    if (bits == 1) refuse(p, "'%s' is no predicate", word);
    if (name && (name->kind == SHARED || name->kind == LOCAL)) {
        if (name->value == 0) p->kernel->uses_dynamic = 1;
        /* Dynamic shared memory lies behind the static one, whose size is known at the end of the kernel alone. */
        if (name->value == 0 && p->kernel->shared_bytes) refuse(p, "static and dynamic shared memory in one kernel are not known");
        return constant(p, bits, name->value == 0 ? SHARED_BASE : name->value);
    }
    if (word[0] == '0' && (word[1] == 'f' || word[1] == 'F') && strlen(word) == 10 && bits == 32) value = strtoull(word + 2, &end, 16);
    else if (word[0] == '0' && (word[1] == 'd' || word[1] == 'D') && strlen(word) == 18 && bits == 64) value = strtoull(word + 2, &end, 16);
    else value = word[0] == '-' ? (uint64_t)strtoll(word, &end, 0) : strtoull(word, &end, 0);
    if (*end || end == word) refuse(p, "'%s' is not known", word);
    return constant(p, bits, value);
}

/* The words of an instruction's operands; those of {…} are counted one by one, [a+8] is a, its displacement apart. */
typedef struct { int count, is_address[MAX_OPERANDS]; char words[MAX_OPERANDS][130]; } Operands;

static void split_operands(Parser *p, Insn *in, Operands *all) {
    char word[128];
    int in_address = 0, negative = 0;
    all->count = 0;
    while (next_word(p, word, sizeof word) && strcmp(word, ";")) {
        if (!strcmp(word, ",") || !strcmp(word, "{") || !strcmp(word, "}")) continue;
        if (!strcmp(word, "[")) { in_address = 1; continue; }
        if (!strcmp(word, "]")) { in_address = 0; continue; }
        if (!strcmp(word, "-") && !in_address) { negative = 1; continue; }
        if (in_address == 2) {
            if ((strcmp(word, "+") && strcmp(word, "-")) || in->displacement) refuse(p, "an address is not understood at '%s'", word);
            skip_blanks(p);
            in->displacement = (*word == '-' ? -1 : 1) * next_number(p);
            continue;
        }
        if (all->count == MAX_OPERANDS) refuse(p, "too many operands");
        all->is_address[all->count] = in_address;
        snprintf(all->words[all->count++], sizeof *all->words, "%s%s", negative ? "-" : "", word);
        negative = 0;
        if (in_address) in_address = 2;
    }
    if (strcmp(word, ";")) refuse(p, "it has no end");
}

static void take_operands(Parser *p, Insn *in, const Row *row, const Operands *all) {
    if ((int)strlen(row->operands) != all->count) refuse(p, "%d operands, expected %d", all->count, (int)strlen(row->operands));
    in->operand_count = all->count;
    for (int i = 0; i < all->count; i++) {
        char kind = row->operands[i];
        const char *word = all->words[i];
        if (all->is_address[i] != (kind == 'a' || kind == 'A')) refuse(p, "operand %d %s an address", i + 1, all->is_address[i] ? "is" : "must be");
        if (kind == 'n') {
            char *end;
            in->displacement = strtoll(word, &end, 0);
            if (*end) refuse(p, "'%s' is no number", word);
        } else in->operands[i] = operand(p, word, kind == 'q' || kind == 'A' ? 64 : kind == 'p' ? 1 : 32);
    }
}

static void take_load_or_store(Parser *p, Insn *in, const char *opcode, const Operands *all) {
    int is_load = opcode[0] == 'l', address = is_load ? all->count - 1 : 0;
    if (all->count != in->words + 1 || !all->is_address[address]) refuse(p, "its operands are not those of %s", opcode);
    const Name *name = find_name(&p->names, all->words[address]);
    if (!strncmp(opcode, "ld.param", 8)) {
        if (!name || name->kind != PARAMETER) refuse(p, "'%s' is no parameter", all->words[address]);
        if (in->displacement < 0 || in->displacement + in->bytes > name->value) refuse(p, "it reads beyond the parameter's %d bytes", (int)name->value);
        in->displacement += name->offset;
    } else {
        in->operands[0] = operand(p, all->words[address], 64);
    }
    in->operand_count = 1 + in->words;
    for (int i = 0; i < in->words; i++) in->operands[1 + i] = operand(p, all->words[is_load ? i : i + 1], 8 * in->bytes);
}

static Insn *add_instruction(Parser *p) {
    if (p->kernel->count == p->code_capacity) {
        p->code_capacity = 2 * p->code_capacity + 256;
        p->kernel->code = realloc(p->kernel->code, p->code_capacity * sizeof(Insn));
    }
    Insn *in = &p->kernel->code[p->kernel->count++];
    memset(in, 0, sizeof *in);
    in->guard = -1;
    in->target = -1;
    in->line = p->line;
    in->text = p->statement;
    return in;
}

static void read_instruction(Parser *p, char *word, Names *branches) {
    Insn *in = add_instruction(p);
    Operands all;
    if (!strcmp(word, "@")) {
        skip_blanks(p);
        if (*p->at == '!') { in->guard_is_negated = 1; p->at++; }
        next_word(p, word, 256);
        in->guard = operand(p, word, 1);
        next_word(p, word, 256);
    }
    char opcode[256];
    snprintf(opcode, sizeof opcode, "%s", word);
    split_operands(p, in, &all);
    const Row *row = row_of(opcode);
    if (!strcmp(opcode, "bra")) {
        char key[24];
        if (all.count != 1) refuse(p, "a branch has one target");
        snprintf(key, sizeof key, "%d", p->kernel->count - 1);
        /* Resolved once every label is known. */
        Name *branch = declare(p, branches, key, LABEL);
        branch->offset = p->kernel->count - 1;
        branch->value = (intptr_t)strdup(all.words[0]);
        in->run = run_branch;
    } else if (row) {
        if (row->capability > p->target) refuse(p, "it needs sm_%d, the target is sm_%d", row->capability, p->target);
        in->run = row->run;
        take_operands(p, in, row, &all);
    } else {
        in->run = load_or_store(opcode, in);
        if (!in->run) refuse(p, "instruction '%s' is not known", opcode);
        take_load_or_store(p, in, opcode, &all);
    }
}

static void resolve(Parser *p, Names *branches) {
    Kernel *k = p->kernel;
    for (int i = 0; i < branches->capacity; i++) {
        const Name *branch = &branches->all[i];
        if (!branch->key) continue;
        const Name *label = find_name(&p->names, (char *)(intptr_t)branch->value);
        free((char *)(intptr_t)branch->value);
        if (!label || label->kind != LABEL) refuse(p, "a branch leads nowhere");
        k->code[branch->offset].target = label->offset;
    }
    free_names(branches);
    for (int i = 0; i < k->count; i++) {
        Insn *in = &k->code[i];
        for (int o = 0; o < MAX_OPERANDS; o++) {
            if (o >= in->operand_count) in->operands[o] = k->constant_bytes;
            else if (in->operands[o] & IS_CONSTANT) in->operands[o] &= ~IS_CONSTANT; else in->operands[o] += k->constant_bytes;
        }
        if (in->guard >= 0) in->guard += k->constant_bytes;
    }
    k->register_bytes = p->register_bytes + k->constant_bytes;
}

static void read_body(Parser *p) {
    static const char *specials[SPECIALS] = { "%tid.x", "%tid.y", "%tid.z", "%ntid.x", "%ntid.y", "%ntid.z", "%ctaid.x", "%ctaid.y", "%ctaid.z",
        "%nctaid.x", "%nctaid.y", "%nctaid.z", "%laneid", "%warpid", "%dynamic_smem_size" };
    Names branches = { 0 };
    char word[256];
    int depth = 1;
    p->register_bytes = 0;
    for (int i = 0; i < SPECIALS; i++) {
        Name *special = declare(p, &p->names, specials[i], REGISTER);
        special->bits = 32;
        special->offset = add_register(p, 32);
    }
    while (depth) {
        skip_blanks(p);
        p->statement = p->at;
        if (!next_word(p, word, sizeof word)) refuse(p, "the kernel has no end");
        if (!strcmp(word, "}")) depth--;
        else if (!strcmp(word, "{")) depth++;
        else if (!strcmp(word, ";")) continue;
        else if (!strcmp(word, ".reg")) declare_registers(p);
        else if (!strcmp(word, ".local")) declare_memory(p, LOCAL);
        else if (!strcmp(word, ".shared")) declare_memory(p, SHARED);
        else if (*p->at == ':') {
            p->at++;
            declare(p, &p->names, word, LABEL)->offset = p->kernel->count;
        } else read_instruction(p, word, &branches);
    }
    resolve(p, &branches);
    if (p->kernel->count == 0 || (p->kernel->code[p->kernel->count - 1].run != run_end && p->kernel->code[p->kernel->count - 1].run != run_branch))
        refuse(p, "the kernel ends without ret");
    if (!find_joins(p->kernel)) refuse(p, "its branches are not understood");
    if (fuses()) fuse_products(p->kernel);
}

static void read_entry(Parser *p) {
    char word[256];
    Module *m = p->module;
    m->kernels = realloc(m->kernels, (m->count + 1) * sizeof(Kernel));
    Kernel *k = p->kernel = &m->kernels[m->count++];
    memset(k, 0, sizeof *k);
    p->constant_capacity = p->code_capacity = 0;
    next_word(p, word, sizeof word);
    k->name = strdup(word);
    k->group_limit = MOST_THREADS;
    k->dynamic_limit = USUAL_SHARED;
    expect(p, "(");
    for (skip_blanks(p); *p->at != ')'; skip_blanks(p)) {
        int alignment;
        if (*p->at == ',') p->at++;
        expect(p, ".param");
        if (k->parameter_count == MAX_PARAMETERS) refuse(p, "too many parameters");
        Parameter *parameter = &k->parameters[k->parameter_count++];
        parameter->bytes = next_variable(p, word, sizeof word, &alignment);
        parameter->offset = align(k->parameter_bytes, alignment);
        k->parameter_bytes = parameter->offset + parameter->bytes;
        Name *name = declare(p, &p->names, word, PARAMETER);
        name->offset = parameter->offset;
        name->value = parameter->bytes;
    }
    p->at++;
    for (;;) {
        next_word(p, word, sizeof word);
        if (!strcmp(word, "{")) break;
        if (!strcmp(word, ".maxntid")) {
            k->group_limit = 1;
            do k->group_limit *= (int)next_number(p); while (skip_blanks(p), *p->at == ',' && p->at++);
        } else if (!strcmp(word, ".minnctapersm")) next_number(p);
        else refuse(p, "'%s' is not known", word);
    }
    read_body(p);
    free_names(&p->names);
    p->kernel = NULL;
}

Module *parse_module(const char *text, int capability, char *error, int error_bytes) {
    Parser *p = calloc(1, sizeof *p);
    char word[256];
    Module *volatile m = calloc(1, sizeof *m);
    m->text = strdup(text);
    *p = (Parser){ .at = m->text, .line = 1, .capability = capability, .module = m, .error = error, .error_bytes = error_bytes };
    if (setjmp(p->on_error)) {
        free_module(m);
        m = NULL;
    } else while (skip_blanks(p), p->statement = p->at, next_word(p, word, sizeof word)) {
        if (!strcmp(word, ".version")) next_word(p, word, sizeof word);
        else if (!strcmp(word, ".address_size")) expect(p, "64");
        else if (!strcmp(word, ".target")) {
            next_word(p, word, sizeof word);
            p->target = strncmp(word, "sm_", 3) ? 0 : atoi(word + 3);
            if (!p->target || p->target > capability) refuse(p, "target '%s' is not that of a device of sm_%d", word, capability);
        } else if (!strcmp(word, ".extern")) {
            int alignment;
            expect(p, ".shared");
            if (next_variable(p, word, sizeof word, &alignment)) refuse(p, "external memory with a size is not known");
            declare(p, &p->module_names, word, SHARED)->value = 0;
            expect(p, ";");
        } else if (!strcmp(word, ".visible")) {
            expect(p, ".entry");
            read_entry(p);
        } else refuse(p, "'%s' is not known", word);
    }
    free_names(&p->names);
    free_names(&p->module_names);
    free(p);
    return m;
}

void free_module(Module *module) {
    for (int i = 0; i < module->count; i++) {
        free(module->kernels[i].name);
        free(module->kernels[i].code);
        free(module->kernels[i].constants);
    }
    free(module->kernels);
    free(module->text);
    free(module);
}
