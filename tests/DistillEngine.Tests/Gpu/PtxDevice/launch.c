/* Launches: blocks in turns, the warps of a block in turns from barrier to barrier. What a device leaves undefined, memory and registers that
   nothing wrote, holds no numbers. */
#include "device.h"

void run_warp(Warp *w);

static uint32_t s_era;

void fail(Warp *w, int lane, int status, const char *format, ...) {
    const Block *b = w->block;
    char reason[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    complain("%s, line %d: `%.*s`, block (%u, %u, %u), thread %d: %s", b->kernel->name, w->at->line, (int)strcspn(w->at->text, ";\n"), w->at->text,
        b->index[0], b->index[1], b->index[2], w->first_thread + (lane < 0 ? 0 : lane), reason);
    w->block->status = status;
    longjmp(w->block->on_failure, 1);
}

static void set(Warp *w, int special, int lane, uint32_t value) {
    ((uint32_t *)(w->registers + w->block->kernel->constant_bytes + special * REGISTER_32))[lane] = value;
}

static void begin_warp(Warp *w, Block *b, int first, int threads) {
    const Kernel *k = b->kernel;
    int lanes = threads - first < LANES ? threads - first : LANES;
    memcpy(w->registers, k->constants, k->constant_bytes);
    memset(w->registers + k->constant_bytes, 0xff, k->register_bytes - k->constant_bytes);
    memset(w->local, 0xff, (size_t)k->local_bytes * LANES);
    memset(w->commits, 0, sizeof w->commits);
    w->block = b;
    w->first_thread = first;
    w->copy_count = 0;
    w->alive = w->members = lanes == LANES ? ~0u : (1u << lanes) - 1;
    w->depth = 1;
    w->paths[0] = (Path){ 0, k->count, w->alive };
    for (int l = 0; l < LANES; l++) {
        uint32_t thread = first + l;
        set(w, TID, l, thread % b->group[0]);
        set(w, TID + 1, l, thread / b->group[0] % b->group[1]);
        set(w, TID + 2, l, thread / b->group[0] / b->group[1]);
        for (int i = 0; i < 3; i++) {
            set(w, NTID + i, l, b->group[i]);
            set(w, CTAID + i, l, b->index[i]);
            set(w, NCTAID + i, l, b->grid[i]);
        }
        set(w, LANE_ID, l, l);
        set(w, WARP_ID, l, first / LANES);
        set(w, DYNAMIC_BYTES, l, b->dynamic_bytes);
    }
}

static void run_block(Block *b, Warp *warps, int warp_count, int threads) {
    memset(b->shared, 0xff, b->shared_bytes);
    memset(b->shared_shadow, 0, (b->shared_bytes / 4 + 1) * sizeof(Shadow));
    b->first_era = b->era = ++s_era;
    for (int i = 0; i < warp_count; i++) begin_warp(&warps[i], b, i * LANES, threads);
    for (int running = 1; running; b->era = ++s_era) {
        running = 0;
        for (int i = 0; i < warp_count; i++) {
            run_warp(&warps[i]);
            running |= warps[i].is_waiting;
        }
    }
}

int run_launch(const Kernel *k, const uint32_t grid[3], const uint32_t group[3], uint32_t dynamic_bytes, const char *arguments) {
    int threads = group[0] * group[1] * group[2], warp_count = (threads + LANES - 1) / LANES;
    Block *b = calloc(1, sizeof *b);
    Warp *warps = calloc(warp_count, sizeof *warps);
    b->kernel = k;
    b->arguments = (char *)arguments;
    b->dynamic_bytes = dynamic_bytes;
    b->shared_bytes = k->shared_bytes + dynamic_bytes;
    b->shared = aligned_alloc(128, (b->shared_bytes + 255) / 128 * 128);
    b->shared_shadow = malloc((b->shared_bytes / 4 + 1) * sizeof(Shadow));
    b->launch_era = s_era + 1;
    memcpy(b->grid, grid, sizeof b->grid);
    memcpy(b->group, group, sizeof b->group);
    for (int i = 0; i < warp_count; i++) {
        warps[i].registers = aligned_alloc(64, (k->register_bytes + 63) / 64 * 64);
        warps[i].local = malloc((size_t)k->local_bytes * LANES + 1);
    }
    if (!setjmp(b->on_failure))
        for (b->index[2] = 0; b->index[2] < grid[2]; b->index[2]++)
            for (b->index[1] = 0; b->index[1] < grid[1]; b->index[1]++)
                for (b->index[0] = 0; b->index[0] < grid[0]; b->index[0]++) run_block(b, warps, warp_count, threads);
    int status = b->status;
    for (int i = 0; i < warp_count; i++) {
        free(warps[i].registers);
        free(warps[i].local);
        free(warps[i].copies);
    }
    free(b->shared);
    free(b->shared_shadow);
    free(warps);
    free(b);
    return status;
}
