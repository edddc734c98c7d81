/* The one stream. Work runs as late as it may, when something waits for it: what the host must leave alone until then shows. */
#include "device.h"

typedef struct Work {
    struct Work *next;
    const Kernel *kernel; /* Else a copy, or a fill from a NULL source. */
    void *to;
    const void *from;
    size_t bytes;
    unsigned char value;
    uint32_t grid[3], group[3], dynamic_bytes;
    char own[]; /* Arguments, or what a copy from memory that is not pinned carries. */
} Work;

static Work *s_first, **s_last = &s_first;
static struct { char *start, *end; } s_pinned[256];
static int s_pinned_count;
static size_t s_uploaded;

void pin(void *memory, size_t bytes) {
    if (s_pinned_count == 256) { complain("too much memory is pinned"); abort(); }
    s_pinned[s_pinned_count].start = memory;
    s_pinned[s_pinned_count++].end = (char *)memory + bytes;
}

void unpin(void *memory) {
    for (int i = 0; i < s_pinned_count; i++)
        if (s_pinned[i].start == memory) { s_pinned[i] = s_pinned[--s_pinned_count]; return; }
}

static int is_pinned(const char *memory, size_t bytes) {
    for (int i = 0; i < s_pinned_count; i++)
        if (memory >= s_pinned[i].start && memory + bytes <= s_pinned[i].end) return 1;
    return 0;
}

static Work *queue(Work work, size_t own_bytes, const void *own) {
    Work *queued = malloc(sizeof work + own_bytes);
    *queued = work;
    queued->next = NULL;
    if (own_bytes) memcpy(queued->own, own, own_bytes);
    *s_last = queued;
    s_last = &queued->next;
    return queued;
}

/* Whether memory belongs to the device; -1 where only a part does. */
static int is_device(const void *memory, size_t bytes) {
    const Allocation *hit = allocation_of((uint64_t)memory);
    if (!hit) return 0;
    return (const char *)memory + bytes <= hit->end ? 1 : -1;
}

int queue_copy(void *to, const void *from, size_t bytes) {
    int is_to = is_device(to, bytes), is_from = is_device(from, bytes);
    if (is_to < 0 || is_from < 0 || (!is_to && !is_from)) {
        complain("a copy of %zu bytes from %p to %p leaves the device's memory", bytes, from, to);
        return INVALID_VALUE;
    }
    int is_carried = !is_from && !is_pinned(from, bytes);
    Work *work = queue((Work){ .to = to, .from = from, .bytes = bytes }, is_carried ? bytes : 0, from);
    if (is_carried) work->from = work->own;
    if (!is_from) s_uploaded += bytes;
    return OK;
}

/* Bytes of copies to the device since the last call. */
size_t take_uploaded(void) {
    size_t bytes = s_uploaded;
    s_uploaded = 0;
    return bytes;
}

int queue_fill(void *to, unsigned char value, size_t bytes) {
    if (is_device(to, bytes) != 1) {
        complain("a fill of %zu bytes at %p leaves the device's memory", bytes, to);
        return INVALID_VALUE;
    }
    queue((Work){ .to = to, .bytes = bytes, .value = value }, 0, NULL);
    return OK;
}

int queue_launch(const Kernel *kernel, const uint32_t grid[3], const uint32_t group[3], uint32_t dynamic_bytes, const char *arguments) {
    Work work = { .kernel = kernel, .dynamic_bytes = dynamic_bytes };
    memcpy(work.grid, grid, sizeof work.grid);
    memcpy(work.group, group, sizeof work.group);
    queue(work, kernel->parameter_bytes, arguments);
    return OK;
}

/* Runs everything; after an error nothing more. */
int flush_queue(void) {
    int status = OK;
    while (s_first) {
        Work *work = s_first;
        s_first = work->next;
        if (status == OK) {
            if (work->kernel) status = run_launch(work->kernel, work->grid, work->group, work->dynamic_bytes, work->own);
            else if (work->from) memmove(work->to, work->from, work->bytes);
            else memset(work->to, work->value, work->bytes);
        }
        free(work);
    }
    s_last = &s_first;
    return status;
}
