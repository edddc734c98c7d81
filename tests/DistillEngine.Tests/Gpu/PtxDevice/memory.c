/* Loads and stores: inside of live allocations, of the launch's shared memory or of the kernel's local memory, at multiples of their size. */
#include "device.h"

static void check_aligned(Warp *w, int lane, uint64_t address, int bytes) {
    if (address % bytes) fail(w, lane, MISALIGNED_ADDRESS, "address 0x%llx is no multiple of %d", (unsigned long long)address, bytes);
}

/* Where an address leads; what remembers its accesses is set, too. */
static char *global_at(Warp *w, Insn *in, int lane, uint64_t address, int bytes, Shadow **shadow) {
    char *at = (char *)address;
    check_aligned(w, lane, address, bytes);
    Allocation *hit = in->last;
    if (!hit || at < hit->start || at + bytes > hit->end) {
        hit = in->last = allocation_of(address);
        if (!hit || at + bytes > hit->end)
            fail(w, lane, ILLEGAL_ADDRESS, "%d bytes at 0x%llx are not within an allocation", bytes, (unsigned long long)address);
    }
    *shadow = hit->shadow + (at - hit->start) / 4;
    return at;
}

char *shared_at(Warp *w, Insn *in, int lane, uint64_t address, int bytes, Shadow **shadow) {
    (void)in;
    check_aligned(w, lane, address, bytes);
    if (address < SHARED_BASE || address + bytes > SHARED_BASE + (uint64_t)w->block->shared_bytes)
        fail(w, lane, ILLEGAL_ADDRESS, "%d bytes at %lld of the shared memory of %u", bytes, (long long)address - SHARED_BASE, w->block->shared_bytes);
    *shadow = w->block->shared_shadow + (address - SHARED_BASE) / 4;
    return w->block->shared + (address - SHARED_BASE);
}

/* Words of a thread's local memory lie apart, those of the lanes side by side, as on a device: kernels mostly use one address in all lanes. */
static uint32_t *local_at(Warp *w, int lane, uint64_t address, int bytes) {
    uint64_t most = w->block->kernel->local_bytes;
    check_aligned(w, lane, address, bytes);
    if (address < LOCAL_BASE || address + bytes > LOCAL_BASE + most)
        fail(w, lane, ILLEGAL_ADDRESS, "%d bytes at %lld of the local memory of %llu", bytes, (long long)address - LOCAL_BASE, (unsigned long long)most);
    return (uint32_t *)w->local + (address - LOCAL_BASE) / 4 * LANES + lane;
}

static int is_one_address(const uint64_t *addresses, uint32_t mask) {
    uint64_t difference = 0;
    for (int l = 0; l < LANES; l++) difference |= addresses[l] ^ addresses[0];
    return mask == ~0u && !difference;
}

/* Which 4 bytes of which value word i is. */
#define WORD(i) ((uint32_t *)(w->registers + in->operands[1 + (in->bytes == 4 ? i : i / 2)]) + (in->bytes == 4 ? 0 : i % 2))
#define ACCESS_LOCAL(name, assign) \
    static void name(Warp *w, Insn *in, uint32_t mask) { \
        const uint64_t *addresses = AT(uint64_t, 0); \
        int bytes = in->bytes * in->words, step = in->bytes / 4; \
        if (step == 1 && in->words == 1 && is_one_address(addresses, mask)) { \
            uint32_t *at = local_at(w, 0, addresses[0] + in->displacement, bytes), *value = WORD(0); \
            for (int l = 0; l < LANES; l++) assign(at[l], value[l]); \
            return; \
        } \
        for (uint32_t rest = mask; rest; rest &= rest - 1) { \
            int l = __builtin_ctz(rest); \
            uint32_t *at = local_at(w, l, addresses[l] + in->displacement, bytes); \
            for (int i = 0; i < bytes / 4; i++) assign(at[i * LANES], WORD(i)[l * step]); \
        } \
    }
#define GET(memory, value) value = memory
#define PUT(memory, value) memory = value
ACCESS_LOCAL(load_local, GET)
ACCESS_LOCAL(store_local, PUT)

#define ACCESS(space) \
    static void load_##space(Warp *w, Insn *in, uint32_t mask) { \
        int bytes = in->bytes * in->words; \
        Shadow *shadow; \
        for (uint32_t rest = mask; rest; rest &= rest - 1) { \
            int l = __builtin_ctz(rest); \
            const char *from = space##_at(w, in, l, AT(uint64_t, 0)[l] + in->displacement, bytes, &shadow); \
            touch(w, l, shadow, bytes, READS); \
            /* The address may lie in a register that the load overwrites. */ \
            if (in->bytes == 4) for (int i = 0; i < in->words; i++) AT(uint32_t, 1 + i)[l] = ((const uint32_t *)from)[i]; \
            else for (int i = 0; i < in->words; i++) AT(uint64_t, 1 + i)[l] = ((const uint64_t *)from)[i]; \
        } \
    } \
    static void store_##space(Warp *w, Insn *in, uint32_t mask) { \
        int bytes = in->bytes * in->words; \
        Shadow *shadow; \
        for (uint32_t rest = mask; rest; rest &= rest - 1) { \
            int l = __builtin_ctz(rest); \
            uint32_t words[4]; \
            char *to = space##_at(w, in, l, AT(uint64_t, 0)[l] + in->displacement, bytes, &shadow); \
            uint32_t differs = 0; \
            for (int i = 0; i < bytes / 4; i++) differs |= (words[i] = WORD(i)[l * (in->bytes / 4)]) ^ ((uint32_t *)to)[i]; \
            touch(w, l, shadow, bytes, differs ? WRITES : REWRITES); \
            memcpy(to, words, bytes); \
        } \
    }
ACCESS(global)
ACCESS(shared)

/* The reader has checked that it lies within a parameter. */
static void load_param(Warp *w, Insn *in, uint32_t mask) {
    const char *from = w->block->arguments + in->displacement;
    if (in->bytes == 4) { uint32_t value; memcpy(&value, from, 4); uint32_t *d = AT(uint32_t, 1); EACH_LANE(d[l] = value) }
    else { uint64_t value; memcpy(&value, from, 8); uint64_t *d = AT(uint64_t, 1); EACH_LANE(d[l] = value) }
}

/* ld.space[.v2|.v4].type and st; elements have 32 or 64 bits, a whole at most 16 bytes. NULL where it is none. */
Run load_or_store(const char *opcode, Insn *in) {
    static const struct { const char *name; Run load, store; } spaces[] = {
        { "global.", load_global, store_global }, { "shared.", load_shared, store_shared }, { "local.", load_local, store_local }, { "param.", load_param, NULL },
    };
    int is_load = !strncmp(opcode, "ld.", 3);
    if (!is_load && strncmp(opcode, "st.", 3)) return NULL;
    for (int i = 0; i < 4; i++) {
        const char *rest = opcode + 3;
        if (strncmp(rest, spaces[i].name, strlen(spaces[i].name))) continue;
        rest += strlen(spaces[i].name);
        in->words = 1;
        if (rest[0] == 'v' && (rest[1] == '2' || rest[1] == '4') && rest[2] == '.') { in->words = rest[1] - '0'; rest += 3; }
        if (!strchr("busf", rest[0]) || (strcmp(rest + 1, "32") && strcmp(rest + 1, "64"))) return NULL;
        in->bytes = atoi(rest + 1) / 8;
        if (in->bytes * in->words > 16 || (spaces[i].load == load_param && in->words > 1)) return NULL;
        return is_load ? spaces[i].load : spaces[i].store;
    }
    return NULL;
}

/* Queues 16 bytes, or zeros. The source is read and the destination written when they are waited for, as late
   as a device may. */
static void cp_async(Warp *w, Insn *in, uint32_t mask) {
    for (uint32_t rest = mask; rest; rest &= rest - 1) {
        int l = __builtin_ctz(rest);
        Shadow *shadow;
        Copy copy = { AT(uint64_t, 1)[l], AT(uint32_t, 0)[l], AT(uint32_t, 3)[l], w->commits[l], l };
        if (in->displacement != 16) fail(w, l, ILLEGAL_INSTRUCTION, "copies of other than 16 bytes are not known");
        if (copy.bytes > 16) fail(w, l, LAUNCH_FAILED, "%u bytes of a source of 16", copy.bytes);
        check_aligned(w, l, copy.from, 16);
        if (copy.bytes % 16) fail(w, l, ILLEGAL_INSTRUCTION, "parts of 16 bytes are not known");
        if (copy.bytes) global_at(w, in, l, copy.from, 16, &shadow);
        shared_at(w, in, l, copy.to, 16, &shadow);
        touch(w, l, shadow, 16, WRITES);
        begin_copy(shadow, 16);
        if (w->copy_count == w->copy_capacity) w->copies = realloc(w->copies, (w->copy_capacity = 2 * w->copy_capacity + 64) * sizeof(Copy));
        w->copies[w->copy_count++] = copy;
    }
}
ROW(cp_async, "cp.async.cg.shared.global", "aAnw", 80);

static void cp_async_commit(Warp *w, Insn *in, uint32_t mask) {
    (void)in;
    EACH_LANE(w->commits[l]++)
}
ROW(cp_async_commit, "cp.async.commit_group", "", 80);

/* Waits for all of a thread's groups but the last ones. */
static void cp_async_wait(Warp *w, Insn *in, uint32_t mask) {
    int kept = 0;
    for (int i = 0; i < w->copy_count; i++) {
        Copy *copy = &w->copies[i];
        if (!(mask >> copy->lane & 1) || copy->group + in->displacement >= w->commits[copy->lane]) {
            w->copies[kept++] = *copy;
            continue;
        }
        Shadow *shadow;
        char *to = shared_at(w, in, copy->lane, copy->to, 16, &shadow);
        end_copy(w, copy->lane, shadow, 16);
        memset(to, 0, 16);
        if (!copy->bytes) continue;
        memcpy(to, global_at(w, in, copy->lane, copy->from, 16, &shadow), 16);
        touch(w, copy->lane, shadow, 16, READS);
    }
    w->copy_count = kept;
}
ROW(cp_async_wait, "cp.async.wait_group", "n", 80);
