/* Arithmetic of the PTX ISA: integers wrap, shifts are clamped, floats are IEEE and round to nearest. */
#include "device.h"
#include <math.h>

typedef int32_t s32; typedef uint32_t u32, b32; typedef int64_t s64; typedef uint64_t u64, b64; typedef float f32; typedef double f64;

/* d = an expression of a, b and c at lane l. */
#define OP(id, name, operands, D, S, expression) \
    static void id(Warp *w, Insn *in, uint32_t mask) { \
        D *d = AT(D, 0); const S *a = AT(S, 1), *b = AT(S, 2), *c = AT(S, 3); (void)a; (void)b; (void)c; \
        EACH_LANE(d[l] = (D)(expression)) } \
    ROW(id, name, operands, 0)

#define OP2(type, name, op, width, expression) OP(op##_##type, name "." #type, width, type, type, expression)
#define INTEGERS(name, op, expression) \
    OP2(s32, name, op, "www", expression) OP2(u32, name, op, "www", expression) OP2(s64, name, op, "qqq", expression) OP2(u64, name, op, "qqq", expression)
#define FLOATS(name, op, expression) OP2(f32, name, op, "www", expression) OP2(f64, name, op, "qqq", expression)
#define BITS(name, op, expression) OP2(b32, name, op, "www", expression) OP2(b64, name, op, "qqq", expression)

INTEGERS("add", add, a[l] + b[l])
INTEGERS("sub", sub, a[l] - b[l])
INTEGERS("mul.lo", mul_lo, a[l] * b[l])
INTEGERS("min", min, a[l] < b[l] ? a[l] : b[l])
INTEGERS("max", max, a[l] > b[l] ? a[l] : b[l])
/* Of division by zero the ISA leaves the result open: all bits, as devices have it. The least number by -1 wraps. */
OP2(s32, "div", div, "www", b[l] == 0 ? -1 : b[l] == -1 ? 0 - a[l] : a[l] / b[l])
OP2(u32, "div", div, "www", b[l] == 0 ? ~0u : a[l] / b[l])
OP2(s64, "div", div, "qqq", b[l] == 0 ? -1 : b[l] == -1 ? 0 - a[l] : a[l] / b[l])
OP2(u64, "div", div, "qqq", b[l] == 0 ? ~0ull : a[l] / b[l])
OP2(s32, "rem", rem, "www", b[l] == 0 ? a[l] : b[l] == -1 ? 0 : a[l] % b[l])
OP2(u32, "rem", rem, "www", b[l] == 0 ? a[l] : a[l] % b[l])
OP2(s64, "rem", rem, "qqq", b[l] == 0 ? a[l] : b[l] == -1 ? 0 : a[l] % b[l])
OP2(u64, "rem", rem, "qqq", b[l] == 0 ? a[l] : a[l] % b[l])
OP(mul_wide_u32, "mul.wide.u32", "qww", u64, u32, (u64)a[l] * b[l])
OP(mul_wide_s32, "mul.wide.s32", "qww", s64, s32, (s64)a[l] * b[l])
OP(mul_hi_u32, "mul.hi.u32", "www", u32, u32, (u64)a[l] * b[l] >> 32)
OP(mul_hi_s32, "mul.hi.s32", "www", s32, s32, (s64)a[l] * b[l] >> 32)
OP2(s32, "mad.lo", mad_lo, "wwww", a[l] * b[l] + c[l])
OP2(u32, "mad.lo", mad_lo, "wwww", a[l] * b[l] + c[l])
OP2(s64, "mad.lo", mad_lo, "qqqq", a[l] * b[l] + c[l])
OP2(u64, "mad.lo", mad_lo, "qqqq", a[l] * b[l] + c[l])
OP2(s32, "neg", neg, "ww", 0 - a[l])
OP2(s64, "neg", neg, "qq", 0 - a[l])
OP2(s32, "abs", abs, "ww", a[l] < 0 ? 0 - a[l] : a[l])

BITS("and", and, a[l] & b[l])
BITS("or", or, a[l] | b[l])
BITS("xor", xor, a[l] ^ b[l])
OP2(b32, "not", not, "ww", ~a[l])
OP2(b64, "not", not, "qq", ~a[l])

/* The count is always of 32 bits; at least the width shifts everything out. */
#define SHIFT(op, type, width, D, expression) \
    static void op##_##type(Warp *w, Insn *in, uint32_t mask) { \
        D *d = AT(D, 0); const D *a = AT(D, 1); const u32 *b = AT(u32, 2); EACH_LANE(d[l] = expression) } \
    ROW(op##_##type, #op "." #type, width, 0)
SHIFT(shl, b32, "www", u32, b[l] > 31 ? 0 : a[l] << b[l])
SHIFT(shl, b64, "qqw", u64, b[l] > 63 ? 0 : a[l] << b[l])
SHIFT(shr, u32, "www", u32, b[l] > 31 ? 0 : a[l] >> b[l])
SHIFT(shr, u64, "qqw", u64, b[l] > 63 ? 0 : a[l] >> b[l])
SHIFT(shr, s32, "www", s32, a[l] >> (b[l] > 31 ? 31 : b[l]))
SHIFT(shr, s64, "qqw", s64, a[l] >> (b[l] > 63 ? 63 : b[l]))

FLOATS("add", add, a[l] + b[l])
FLOATS("sub", sub, a[l] - b[l])
FLOATS("mul", mul, a[l] * b[l])
FLOATS("div.rn", div_rn, a[l] / b[l])
OP2(f32, "rcp.rn", rcp_rn, "ww", 1 / a[l])
OP2(f64, "rcp.rn", rcp_rn, "qq", 1 / a[l])
OP2(f32, "sqrt.rn", sqrt_rn, "ww", sqrtf(a[l]))
OP2(f64, "sqrt.rn", sqrt_rn, "qq", sqrt(a[l]))
OP2(f32, "fma.rn", fma_rn, "wwww", fmaf(a[l], b[l], c[l]))
OP2(f64, "fma.rn", fma_rn, "qqqq", fma(a[l], b[l], c[l]))
OP2(f32, "neg", neg, "ww", -a[l])
OP2(f64, "neg", neg, "qq", -a[l])
OP2(f32, "abs", abs, "ww", fabsf(a[l]))
OP2(f64, "abs", abs, "qq", fabs(a[l]))
/* What is no number gives way to what is one. */
OP2(f32, "min", min, "www", fminf(a[l], b[l]))
OP2(f32, "max", max, "www", fmaxf(a[l], b[l]))

#define MOVE(name, type, width) OP(mov_##name, "mov." #name, width, type, type, a[l])
MOVE(b32, u32, "ww") MOVE(u32, u32, "ww") MOVE(s32, u32, "ww") MOVE(f32, u32, "ww")
MOVE(b64, u64, "qq") MOVE(u64, u64, "qq") MOVE(s64, u64, "qq") MOVE(f64, u64, "qq")
OP(cvta_to_global_u64, "cvta.to.global.u64", "qq", u64, u64, a[l])

OP(cvt_s64_s32, "cvt.s64.s32", "qw", s64, s32, a[l])
OP(cvt_u64_u32, "cvt.u64.u32", "qw", u64, u32, a[l])
OP(cvt_u32_u64, "cvt.u32.u64", "wq", u32, u64, a[l])
OP(cvt_s32_s64, "cvt.s32.s64", "wq", u32, u64, a[l])
OP(cvt_f64_f32, "cvt.f64.f32", "qw", f64, f32, a[l])
OP(cvt_rn_f32_f64, "cvt.rn.f32.f64", "wq", f32, f64, a[l])
OP(cvt_rn_f32_s32, "cvt.rn.f32.s32", "ww", f32, s32, a[l])
OP(cvt_rn_f32_u32, "cvt.rn.f32.u32", "ww", f32, u32, a[l])
OP(cvt_rn_f32_s64, "cvt.rn.f32.s64", "wq", f32, s64, a[l])
OP(cvt_rn_f64_s32, "cvt.rn.f64.s32", "qw", f64, s32, a[l])
OP(cvt_rn_f64_u32, "cvt.rn.f64.u32", "qw", f64, u32, a[l])
OP(cvt_rn_f64_s64, "cvt.rn.f64.s64", "qq", f64, s64, a[l])

/* Out of range is the nearest number in it; what is no number is 0. */
static s32 to_s32(double x) { return x != x ? 0 : x >= 2147483647.0 ? INT32_MAX : x <= -2147483648.0 ? INT32_MIN : (s32)x; }
static s64 to_s64(double x) { return x != x ? 0 : x >= 9223372036854775807.0 ? INT64_MAX : x <= -9223372036854775808.0 ? INT64_MIN : (s64)x; }
OP(cvt_rzi_s32_f32, "cvt.rzi.s32.f32", "ww", s32, f32, to_s32(a[l]))
OP(cvt_rzi_s32_f64, "cvt.rzi.s32.f64", "wq", s32, f64, to_s32(a[l]))
OP(cvt_rzi_s64_f32, "cvt.rzi.s64.f32", "qw", s64, f32, to_s64(a[l]))
OP(cvt_rzi_s64_f64, "cvt.rzi.s64.f64", "qq", s64, f64, to_s64(a[l]))

static u32 bits_of(f32 x) { u32 bits; memcpy(&bits, &x, 4); return bits; }
static u32 to_bf16(f32 x) { u32 bits = bits_of(x); return x != x ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16; }
/* Ties go away from zero, and the 13 bits that tf32 has not are none. */
static u32 to_tf32(f32 x) { u32 bits = bits_of(x); return x != x ? 0x7fffffff : (bits & 0x7fffffff) == 0x7f800000 ? bits : (bits + 0x1000) & 0xffffe000; }

static void cvt_rn_bf16x2_f32(Warp *w, Insn *in, uint32_t mask) {
    u32 *d = AT(u32, 0);
    const f32 *upper = AT(f32, 1), *lower = AT(f32, 2);
    EACH_LANE(d[l] = to_bf16(upper[l]) << 16 | to_bf16(lower[l]))
}
ROW(cvt_rn_bf16x2_f32, "cvt.rn.bf16x2.f32", "www", 80)

static void cvt_rna_tf32_f32(Warp *w, Insn *in, uint32_t mask) {
    u32 *d = AT(u32, 0);
    const f32 *a = AT(f32, 1);
    EACH_LANE(d[l] = to_tf32(a[l]))
}
ROW(cvt_rna_tf32_f32, "cvt.rna.tf32.f32", "ww", 80)

/* Comparisons write one bit a lane. */
#define COMPARE(id, name, width, T, expression) \
    static void id(Warp *w, Insn *in, uint32_t mask) { \
        u32 *d = AT(u32, 0), bits = 0; const T *a = AT(T, 1), *b = AT(T, 2); \
        for (int l = 0; l < LANES; l++) bits |= (u32)(expression) << l; \
        *d = (*d & ~mask) | (bits & mask); } \
    ROW(id, name, width, 0)
#define COMPARISONS(type, width) \
    COMPARE(eq_##type, "setp.eq." #type, width, type, a[l] == b[l]) COMPARE(ne_##type, "setp.ne." #type, width, type, a[l] != b[l]) \
    COMPARE(lt_##type, "setp.lt." #type, width, type, a[l] < b[l]) COMPARE(le_##type, "setp.le." #type, width, type, a[l] <= b[l]) \
    COMPARE(gt_##type, "setp.gt." #type, width, type, a[l] > b[l]) COMPARE(ge_##type, "setp.ge." #type, width, type, a[l] >= b[l])
COMPARISONS(s32, "pww") COMPARISONS(u32, "pww") COMPARISONS(s64, "pqq") COMPARISONS(u64, "pqq")
#define UNSIGNED(type, width) \
    COMPARE(lo_##type, "setp.lo." #type, width, type, a[l] < b[l]) COMPARE(ls_##type, "setp.ls." #type, width, type, a[l] <= b[l]) \
    COMPARE(hi_##type, "setp.hi." #type, width, type, a[l] > b[l]) COMPARE(hs_##type, "setp.hs." #type, width, type, a[l] >= b[l])
UNSIGNED(u32, "pww") UNSIGNED(u64, "pqq")
COMPARE(eq_b32, "setp.eq.b32", "pww", b32, a[l] == b[l]) COMPARE(ne_b32, "setp.ne.b32", "pww", b32, a[l] != b[l])
/* Ordered comparisons are false where a side is no number, those with u true. */
#define NUMBERS(type, width) \
    COMPARE(eq_##type, "setp.eq." #type, width, type, a[l] == b[l]) COMPARE(ne_##type, "setp.ne." #type, width, type, a[l] < b[l] || a[l] > b[l]) \
    COMPARE(lt_##type, "setp.lt." #type, width, type, a[l] < b[l]) COMPARE(le_##type, "setp.le." #type, width, type, a[l] <= b[l]) \
    COMPARE(gt_##type, "setp.gt." #type, width, type, a[l] > b[l]) COMPARE(ge_##type, "setp.ge." #type, width, type, a[l] >= b[l]) \
    COMPARE(equ_##type, "setp.equ." #type, width, type, !(a[l] < b[l] || a[l] > b[l])) COMPARE(neu_##type, "setp.neu." #type, width, type, a[l] != b[l]) \
    COMPARE(ltu_##type, "setp.ltu." #type, width, type, !(a[l] >= b[l])) COMPARE(leu_##type, "setp.leu." #type, width, type, !(a[l] > b[l])) \
    COMPARE(gtu_##type, "setp.gtu." #type, width, type, !(a[l] <= b[l])) COMPARE(geu_##type, "setp.geu." #type, width, type, !(a[l] < b[l]))
NUMBERS(f32, "pww") NUMBERS(f64, "pqq")

#define OF_PREDICATES(op, operands, expression) \
    static void op##_pred(Warp *w, Insn *in, uint32_t mask) { \
        u32 *d = AT(u32, 0), a = *AT(u32, 1), b = *AT(u32, 2); (void)b; *d = (*d & ~mask) | ((expression) & mask); } \
    ROW(op##_pred, #op ".pred", operands, 0)
OF_PREDICATES(and, "ppp", a & b) OF_PREDICATES(or, "ppp", a | b) OF_PREDICATES(xor, "ppp", a ^ b) OF_PREDICATES(not, "pp", ~a) OF_PREDICATES(mov, "pp", a)

#define SELECT(name, T, width) \
    static void selp_##name(Warp *w, Insn *in, uint32_t mask) { \
        T *d = AT(T, 0); const T *a = AT(T, 1), *b = AT(T, 2); const u32 p = *AT(u32, 3); EACH_LANE(d[l] = p >> l & 1 ? a[l] : b[l]) } \
    ROW(selp_##name, "selp." #name, width, 0)
SELECT(b32, u32, "wwwp") SELECT(f32, u32, "wwwp") SELECT(s32, u32, "wwwp") SELECT(u32, u32, "wwwp")
SELECT(b64, u64, "qqqp") SELECT(f64, u64, "qqqp") SELECT(s64, u64, "qqqp") SELECT(u64, u64, "qqqp")
