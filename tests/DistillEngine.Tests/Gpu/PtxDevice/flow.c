/* Branches. Lanes that part run one way after the other and go on together at the first instruction that every way to the end passes. */
#include "device.h"

/* Nodes are instructions, the last one is the end. */
static int ways_from(const Kernel *k, int node, int ways[2]) {
    const Insn *in = &k->code[node];
    int count = 0;
    if (in->run == run_branch) ways[count++] = in->target;
    if (in->run == run_end) ways[count++] = k->count;
    if ((in->run != run_branch && in->run != run_end) || in->guard >= 0) ways[count++] = node + 1;
    return count;
}

static int meet(const int *parent, const int *number, int a, int b) {
    while (a != b) {
        while (number[a] < number[b]) a = parent[a];
        while (number[b] < number[a]) b = parent[b];
    }
    return a;
}

/* Sets the join of every branch: its immediate post-dominator. Source: K. Cooper, T. Harvey, K. Kennedy, A Simple, Fast Dominance Algorithm, on
   the reversed graph. Returns 0 where control leaves the code. */
int find_joins(Kernel *k) {
    int nodes = k->count + 1, ways[2], is_good = 1, ordered = 0, depth = 0;
    int *first = calloc(nodes + 1, sizeof(int)), *from = malloc(2 * nodes * sizeof(int)), *parent = malloc(nodes * sizeof(int));
    int *number = malloc(nodes * sizeof(int)), *order = malloc(nodes * sizeof(int)), *stack = malloc(nodes * sizeof(int)), *next = malloc(nodes * sizeof(int));
    for (int i = 0; i < k->count; i++)
        for (int count = ways_from(k, i, ways), j = 0; j < count; j++) {
            if (ways[j] > k->count || (ways[j] == k->count && k->code[i].run != run_end)) is_good = 0;
            else first[ways[j] + 1]++;
        }
    for (int i = 0; i < nodes; i++) first[i + 1] += first[i];
    if (is_good) {
        memcpy(next, first, nodes * sizeof(int));
        for (int i = 0; i < k->count; i++)
            for (int count = ways_from(k, i, ways), j = 0; j < count; j++) from[next[ways[j]]++] = i;
        memcpy(next, first, nodes * sizeof(int));
        for (int i = 0; i < nodes; i++) number[i] = parent[i] = -1;
        stack[depth++] = k->count;
        number[k->count] = nodes;
        while (depth) {
            int node = stack[depth - 1];
            if (next[node] < first[node + 1]) {
                int before = from[next[node]++];
                if (number[before] < 0) { number[before] = nodes; stack[depth++] = before; }
            } else {
                number[node] = ordered;
                order[ordered++] = node;
                depth--;
            }
        }
        parent[k->count] = k->count;
        for (int changed = 1; changed;) {
            changed = 0;
            for (int i = ordered - 2; i >= 0; i--) {
                int node = order[i], best = -1;
                for (int count = ways_from(k, node, ways), j = 0; j < count; j++)
                    if (number[ways[j]] >= 0 && parent[ways[j]] >= 0) best = best < 0 ? ways[j] : meet(parent, number, best, ways[j]);
                if (best != parent[node]) { parent[node] = best; changed = 1; }
            }
        }
        /* A branch from which no way leads to the end has none. */
        for (int i = 0; i < k->count; i++) k->code[i].join = parent[i] < 0 ? k->count : parent[i];
    }
    for (int i = 0; i < k->count; i++) k->code[i].is_flow = k->code[i].run == run_branch || k->code[i].run == run_end || k->code[i].run == run_barrier;
    free(first); free(from); free(parent); free(number); free(order); free(stack); free(next);
    return is_good;
}

static uint32_t guarded(Warp *w, Insn *in, uint32_t mask) {
    if (in->guard < 0) return mask;
    uint32_t predicate = *(uint32_t *)(w->registers + in->guard);
    return mask & (in->guard_is_negated ? ~predicate : predicate);
}

static void push(Warp *w, int pc, int join, uint32_t mask) {
    if (pc == join) return;
    if (w->depth == (int)(sizeof w->paths / sizeof *w->paths)) fail(w, -1, LAUNCH_FAILED, "lanes part too often");
    w->paths[w->depth++] = (Path){ pc, join, mask };
}

void run_branch(Warp *w, Insn *in, uint32_t mask) {
    uint32_t taken = guarded(w, in, mask), passed = mask & ~taken;
    Path *top = &w->paths[w->depth - 1];
    int after = top->pc + 1, join = in->join;
    if (!passed) { top->pc = in->target; return; }
    if (!taken) { top->pc = after; return; }
    /* Where these lanes join those beneath them anyway, no path of their own waits there: a loop that lanes leave in turns would pile them up. */
    if (top->join == join) w->depth--; else top->pc = join;
    push(w, after, join, passed);
    push(w, in->target, join, taken);
}

void run_end(Warp *w, Insn *in, uint32_t mask) {
    w->alive &= ~guarded(w, in, mask);
    w->paths[w->depth - 1].pc++;
    for (int i = 0; i < w->depth; i++) w->paths[i].mask &= w->alive;
}
ROW(run_end, "ret", "", 0);
static const Row row_exit __attribute__((section("rows"), used, aligned(8))) = { "exit", "", run_end, 0 };

void run_barrier(Warp *w, Insn *in, uint32_t mask) {
    if (in->displacement) fail(w, -1, ILLEGAL_INSTRUCTION, "barriers other than 0 are not known");
    if (guarded(w, in, mask) != w->alive) fail(w, -1, LAUNCH_FAILED, "lanes %08x are at the barrier, those of the warp are %08x", mask, w->alive);
    w->is_waiting = 1;
    w->paths[w->depth - 1].pc++;
}
ROW(run_barrier, "bar.sync", "n", 0);
static const Row row_aligned __attribute__((section("rows"), used, aligned(8))) = { "barrier.sync.aligned", "n", run_barrier, 0 };

/* Until every lane ends or waits at the barrier. */
void run_warp(Warp *w) {
    Insn *code = w->block->kernel->code;
    w->is_waiting = 0;
    while (w->alive && !w->is_waiting) {
        Path *top = &w->paths[w->depth - 1];
        if (!top->mask || top->pc == top->join) { w->depth--; continue; }
        Insn *in = w->at = &code[top->pc];
        if (in->is_flow) { in->run(w, in, top->mask); continue; }
        uint32_t mask = guarded(w, in, top->mask);
        if (mask) in->run(w, in, mask);
        top->pc++;
    }
}
