/* Races: two threads access a word, one of them writes, and no barrier of a block they share lies between. Blocks and warps run in turns here, so
   that a race changes no result; it is found by what each word remembers. */
#include "device.h"

enum { SEVERAL = 0xfffffffeu };

static _Noreturn void race(Warp *w, int lane, const char *first, const char *second, uint32_t thread, uint32_t block) {
    if (thread == SEVERAL || block == SEVERAL) fail(w, lane, LAUNCH_FAILED, "a race: it %s what several threads %s", second, first);
    fail(w, lane, LAUNCH_FAILED, "a race: it %s what thread %u of block %u %s", second, thread, block, first);
}

static void touch_word(Warp *w, int lane, Shadow *s, int is_write) {
    const Block *b = w->block;
    uint32_t thread = w->first_thread + lane;
    if (s->write_launch == b->launch && (s->write_thread != thread || s->write_block != b->block) && (s->write_block != b->block || s->write_epoch >= b->epoch)) {
        if (s->write_thread == COPYING) fail(w, lane, LAUNCH_FAILED, "a race: it uses what a copy that nothing waited for writes");
        race(w, lane, "writes", is_write ? "writes" : "reads", s->write_thread, s->write_block);
    }
    int was_read = s->read_launch == b->launch;
    if (is_write) {
        if (was_read && (s->read_block != b->block || (s->read_epoch >= b->epoch && s->read_thread != thread)))
            race(w, lane, "read", "writes", s->read_thread, s->read_block);
        s->write_launch = b->launch;
        s->write_block = b->block;
        s->write_thread = thread;
        s->write_epoch = b->epoch;
        return;
    }
    s->read_launch = b->launch;
    if (!was_read) {
        s->read_block = b->block;
        s->read_thread = thread;
        s->read_epoch = b->epoch;
    } else if (s->read_block != b->block) {
        s->read_block = SEVERAL;
    } else if (s->read_epoch < b->epoch) {
        s->read_thread = thread;
        s->read_epoch = b->epoch;
    } else if (s->read_thread != thread) {
        s->read_thread = SEVERAL;
    }
}

void touch(Warp *w, int lane, Shadow *shadow, int bytes, int is_write) {
    for (int i = 0; i < (bytes + 3) / 4; i++) touch_word(w, lane, &shadow[i], is_write);
}

/* From here until it is waited for, a copy may write at any time: nobody, its own thread included, may use the words, which were just touched. */
void begin_copy(Shadow *shadow, int bytes) {
    for (int i = 0; i < bytes / 4; i++) {
        shadow[i].write_thread = COPYING;
        shadow[i].write_epoch = ~0u;
    }
}

/* Written by its thread, now. */
void end_copy(Warp *w, int lane, Shadow *shadow, int bytes) {
    for (int i = 0; i < bytes / 4; i++) {
        shadow[i].write_thread = w->first_thread + lane;
        shadow[i].write_epoch = w->block->epoch;
    }
}
