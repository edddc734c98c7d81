/* What assemblers make of a product that is added: one operation, rounded once. PTX allows it where no rounding is named, and NVIDIA's assembler does
   it unless told otherwise, so that kernels must be right both ways. */
#include "device.h"
#include <math.h>

#define FUSED(id, name, T, operands, expression) \
    static void id(Warp *w, Insn *in, uint32_t mask) { \
        T *d = AT(T, 0); const T *a = AT(T, 1), *b = AT(T, 2), *c = AT(T, 3); EACH_LANE(d[l] = expression) } \
    ROW(id, name, operands, 0);
/* No text names these. */
FUSED(sub_from_f32, " c - a b f32", float, "wwww", fmaf(-a[l], b[l], c[l]))
FUSED(sub_c_f32, " a b - c f32", float, "wwww", fmaf(a[l], b[l], -c[l]))
FUSED(sub_from_f64, " c - a b f64", double, "qqqq", fma(-a[l], b[l], c[l]))
FUSED(sub_c_f64, " a b - c f64", double, "qqqq", fma(a[l], b[l], -c[l]))

static int is_written(const Insn *in, int a, int b) {
    int first = in->words ? 1 : 0, last = in->words ? in->words : in->operand_count > 5 ? 3 : 0;
    for (int i = first; i <= last; i++)
        if (in->operands[i] == a || in->operands[i] == b) return 1;
    return 0;
}

static void fuse(Insn *add, const Insn *mul, int is_sub, Run fma, Run sub_from, Run sub_c) {
    int is_first = add->operands[1] == mul->operands[0], other = add->operands[is_first ? 2 : 1];
    add->run = !is_sub ? fma : is_first ? sub_c : sub_from;
    add->operands[1] = mul->operands[1];
    add->operands[2] = mul->operands[2];
    add->operands[3] = other;
}

static void fuse_type(Kernel *k, const char *mentions, const char *is_leader, const char *mul, const char *add, const char *sub, const char *fma,
    Run sub_from, Run sub_c) {
    Run of_mul = row_of(mul)->run, of_add = row_of(add)->run, of_sub = row_of(sub)->run, of_fma = row_of(fma)->run;
    for (int i = 0; i < k->count; i++) {
        const Insn *m = &k->code[i];
        int r = m->operands[0];
        /* Where it is written, and where it is added. */
        if (m->run != of_mul || m->guard >= 0 || mentions[r / 4] != 2) continue;
        for (int j = i + 1; j < k->count && !is_leader[j] && !k->code[j].is_flow; j++) {
            Insn *in = &k->code[j];
            if ((in->run == of_add || in->run == of_sub) && (in->operands[1] == r) != (in->operands[2] == r) && in->operands[0] != r) {
                fuse(in, m, in->run == of_sub, of_fma, sub_from, sub_c);
                break;
            }
            if (is_written(in, m->operands[1], m->operands[2])) break;
        }
    }
}

void fuse_products(Kernel *k) {
    char *mentions = calloc(k->register_bytes / 4 + 1, 1), *is_leader = calloc(k->count + 1, 1);
    for (int i = 0; i < k->count; i++) {
        const Insn *in = &k->code[i];
        if (in->target >= 0) is_leader[in->target] = 1;
        for (int o = 0; o < MAX_OPERANDS; o++)
            if (mentions[in->operands[o] / 4] < 3) mentions[in->operands[o] / 4]++;
    }
    fuse_type(k, mentions, is_leader, "mul.f32", "add.f32", "sub.f32", "fma.rn.f32", sub_from_f32, sub_c_f32);
    fuse_type(k, mentions, is_leader, "mul.f64", "add.f64", "sub.f64", "fma.rn.f64", sub_from_f64, sub_c_f64);
    free(mentions);
    free(is_leader);
}
