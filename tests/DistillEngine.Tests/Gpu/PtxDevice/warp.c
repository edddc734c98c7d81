/* What the lanes of a warp do together. Layouts are those of the PTX ISA: "Matrix Fragments for mma.m16n8k16 with floating point type", "… for
   mma.m16n8k8", "Warp-level matrix load instruction: ldmatrix". */
#include "device.h"

/* .aligned: every lane of a whole warp executes it. */
static void check_whole(Warp *w, uint32_t mask) {
    if (mask != ~0u) fail(w, -1, LAUNCH_FAILED, "lanes %08x execute what the whole warp must", mask);
}

/* Lane l receives what lane l ^ b holds, its own where that lies beyond its segment. */
static void shfl_bfly(Warp *w, Insn *in, uint32_t mask) {
    uint32_t *d = AT(uint32_t, 0), received[LANES];
    const uint32_t *a = AT(uint32_t, 1), *b = AT(uint32_t, 2), *c = AT(uint32_t, 3), *named = AT(uint32_t, 4);
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
        int l = __builtin_ctz(rest), segment = c[l] >> 8 & 31, last = (l & segment) | (c[l] & 31 & ~segment), from = l ^ (b[l] & 31);
        /* Lanes beyond the warp's threads may be named. */
        if ((named[l] & w->members) != mask) fail(w, l, LAUNCH_FAILED, "lanes %08x are named, %08x are there", named[l], mask);
        if (from > last) from = l;
        if (!(mask >> from & 1)) fail(w, l, LAUNCH_FAILED, "lane %d, which it reads, is not there", from);
        received[l] = a[from];
    }
    EACH_LANE(d[l] = received[l])
}
ROW(shfl_bfly, "shfl.sync.bfly.b32", "wwwww", 0);

/* Lane l names row l % 8 of matrix l / 8: 8 numbers of 16 bits. It receives two of each matrix: those of columns 2 (l % 4) and the next of row l / 4, or
   of the transposed matrix. */
static void load_matrices(Warp *w, Insn *in, uint32_t mask, int is_transposed) {
    uint16_t rows[LANES][8];
    Shadow *shadow;
    check_whole(w, mask);
    for (int l = 0; l < LANES; l++) {
        memcpy(rows[l], shared_at(w, in, l, AT(uint32_t, 4)[l] + in->displacement, 16, &shadow), 16);
        touch(w, l, shadow, 16, READS);
    }
    for (int matrix = 0; matrix < 4; matrix++) {
        uint16_t (*m)[8] = &rows[8 * matrix];
        for (int l = 0; l < LANES; l++) {
            int row = l / 4, column = l % 4 * 2;
            uint32_t first = is_transposed ? m[column][row] : m[row][column], second = is_transposed ? m[column + 1][row] : m[row][column + 1];
            AT(uint32_t, matrix)[l] = first | second << 16;
        }
    }
}
static void ldmatrix(Warp *w, Insn *in, uint32_t mask) { load_matrices(w, in, mask, 0); }
ROW(ldmatrix, "ldmatrix.sync.aligned.m8n8.x4.shared.b16", "wwwwa", 75);
static void ldmatrix_trans(Warp *w, Insn *in, uint32_t mask) { load_matrices(w, in, mask, 1); }
ROW(ldmatrix_trans, "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16", "wwwwa", 75);

/* d = a b + c in float32, for 16 × 8 results; operands are d0 … d3, a0 … a3, b0, b1, c0 … c3. */
static void multiply(Warp *w, Insn *in, int depth, float a[16][16], float b[16][8]) {
    float sums[16][8];
    for (int l = 0; l < LANES; l++)
        for (int i = 0; i < 4; i++) sums[l / 4 + i / 2 * 8][l % 4 * 2 + i % 2] = AT(float, 10 + i)[l];
    for (int k = 0; k < depth; k++)
        for (int row = 0; row < 16; row++)
            for (int column = 0; column < 8; column++) sums[row][column] += a[row][k] * b[k][column];
    for (int l = 0; l < LANES; l++)
        for (int i = 0; i < 4; i++) AT(float, i)[l] = sums[l / 4 + i / 2 * 8][l % 4 * 2 + i % 2];
}

static float of_bits(uint32_t bits) { float value; memcpy(&value, &bits, 4); return value; }

static void mma_bf16(Warp *w, Insn *in, uint32_t mask) {
    float a[16][16], b[16][8];
    check_whole(w, mask);
    for (int l = 0; l < LANES; l++) {
        int group = l / 4, thread = l % 4;
        for (int i = 0; i < 8; i++) {
            int row = i % 4 < 2 ? group : group + 8, column = thread * 2 + (i & 1) + (i < 4 ? 0 : 8);
            a[row][column] = of_bits(AT(uint32_t, 4 + i / 2)[l] >> 16 * (i & 1) << 16);
        }
        for (int i = 0; i < 4; i++) b[thread * 2 + (i & 1) + (i < 2 ? 0 : 8)][group] = of_bits(AT(uint32_t, 8 + i / 2)[l] >> 16 * (i & 1) << 16);
    }
    multiply(w, in, 16, a, b);
}
ROW(mma_bf16, "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", "wwwwwwwwwwwwww", 80);

/* Of operands the 13 bits that tf32 has not are not looked at. */
static void mma_tf32(Warp *w, Insn *in, uint32_t mask) {
    float a[16][16], b[16][8];
    check_whole(w, mask);
    for (int l = 0; l < LANES; l++) {
        int group = l / 4, thread = l % 4;
        for (int i = 0; i < 4; i++) a[i % 2 ? group + 8 : group][i < 2 ? thread : thread + 4] = of_bits(AT(uint32_t, 4 + i)[l] & 0xffffe000);
        for (int i = 0; i < 2; i++) b[i ? thread + 4 : thread][group] = of_bits(AT(uint32_t, 8 + i)[l] & 0xffffe000);
    }
    multiply(w, in, 8, a, b);
}
ROW(mma_tf32, "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32", "wwwwwwwwwwwwww", 80);
