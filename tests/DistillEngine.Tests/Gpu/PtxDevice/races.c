/* Races: two threads access a word, one of them writes, and no barrier of a block they share lies between. Blocks and warps run in turns here, so
   that a race changes no result; it is found by what each word remembers. Eras count on at every barrier, block and launch: as blocks run in turns,
   an era before that of the block's begin is another block's. */
#include "device.h"

enum { SEVERAL = 0xfffffffeu };

static _Noreturn void race(Warp *w, int lane, const char *first, const char *second, uint32_t thread, uint32_t era) {
    if (thread == COPYING) fail(w, lane, LAUNCH_FAILED, "a race: it %s what a copy that nothing waited for writes", second);
    if (era < w->block->first_era) fail(w, lane, LAUNCH_FAILED, "a race: it %s what another block %s", second, first);
    if (thread == SEVERAL) fail(w, lane, LAUNCH_FAILED, "a race: it %s what several threads %s", second, first);
    fail(w, lane, LAUNCH_FAILED, "a race: it %s what thread %u %s", second, thread, first);
}

/* Threads may write what is there already: whichever is last, the value is the same. */
void touch(Warp *w, int lane, Shadow *s, int bytes, Touch kind) {
    const Block *b = w->block;
    uint32_t thread = w->first_thread + lane, era = b->era, of_block = b->first_era, of_launch = b->launch_era;
    for (Shadow *end = s + (bytes + 3) / 4; s < end; s++) {
        if (s->write_era >= of_launch && (s->write_era < of_block || (s->write_era >= era && s->write_thread != thread))) {
            if (kind == REWRITES && s->write_thread != COPYING) continue;
            race(w, lane, "writes", kind == READS ? "reads" : "writes", s->write_thread, s->write_era);
        }
        if (kind != READS) {
            if (s->read_era >= of_launch && (s->read_era < of_block || (s->read_era >= era && s->read_thread != thread))) {
                if (kind == REWRITES) continue;
                race(w, lane, "reads", "writes", s->read_thread, s->read_era);
            }
            s->write_era = era;
            s->write_thread = thread;
        } else if (s->read_era < of_launch || (s->read_era >= of_block && s->read_era < era)) {
            s->read_era = era;
            s->read_thread = thread;
        } else if (s->read_era >= of_block && s->read_thread != thread) {
            s->read_thread = SEVERAL;
        }
    }
}

/* From here until it is waited for, a copy may write at any time: nobody, its own thread included, may use the words, which were just touched. */
void begin_copy(Shadow *s, int bytes) {
    for (Shadow *end = s + bytes / 4; s < end; s++) {
        s->write_era = ~0u;
        s->write_thread = COPYING;
    }
}

/* Written by its thread, now. */
void end_copy(Warp *w, int lane, Shadow *s, int bytes) {
    for (Shadow *end = s + bytes / 4; s < end; s++) {
        s->write_era = w->block->era;
        s->write_thread = w->first_thread + lane;
    }
}
