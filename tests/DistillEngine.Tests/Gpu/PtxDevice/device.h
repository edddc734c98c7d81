/* A CUDA device that is a program: drivers' calls (driver.c, queue.c), the reader of PTX (tokens.c, names.c, parse.c, fuse.c), and what runs it
   (flow.c, launch.c, arithmetic.c, memory.c, races.c, warp.c). Written from the PTX ISA alone, so that it judges the kernels rather than repeats them. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 32, MAX_OPERANDS = 14, MAX_PARAMETERS = 64, MOST_THREADS = 1024, USUAL_SHARED = 48 << 10 };

/* Addresses of shared and local memory start beyond zero, so that none that was forgotten is a valid one. */
enum { SHARED_BASE = 1024, LOCAL_BASE = 1024 };

/* CUresult of cuda.h. */
enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NO_DEVICE = 100, INVALID_PTX = 218, NOT_FOUND = 500, ILLEGAL_ADDRESS = 700, ILLEGAL_INSTRUCTION = 715,
       MISALIGNED_ADDRESS = 716, LAUNCH_FAILED = 719, DRIVER_MISMATCH = 803 };

/* The last accesses of a word of 4 bytes, by which races are found. */
typedef struct { uint32_t write_era, write_thread, read_era, read_thread; } Shadow;

typedef struct { char *start, *end; Shadow *shadow; } Allocation;

typedef struct Warp Warp;
typedef struct Insn Insn;
typedef void (*Run)(Warp *, Insn *, uint32_t mask);

struct Insn {
    Run run;
    int line, operand_count, operands[MAX_OPERANDS]; /* Offsets into a warp's registers. */
    int guard, guard_is_negated;      /* Predicate's offset, or -1. */
    int64_t displacement;             /* Of an address; the number of a barrier or of groups to wait for. */
    int bytes, words;                 /* Of an element of a load or store; elements. */
    int target, join, is_flow;        /* Of a branch: where it leads, and where its two ways meet again. */
    const char *text;
    Allocation *last;                 /* Hit last. */
};

typedef struct { int offset, bytes; } Parameter;

typedef struct {
    char *name;
    Insn *code;
    int count, register_bytes, constant_bytes, group_limit, shared_bytes, local_bytes, uses_dynamic, dynamic_limit, parameter_count, parameter_bytes;
    char *constants; /* The first registers hold them. */
    Parameter parameters[MAX_PARAMETERS];
} Kernel;

typedef struct { int count; Kernel *kernels; char *text; } Module;

/* Lanes that run from pc on until they reach join, where those beneath them wait. */
typedef struct { int pc, join; uint32_t mask; } Path;

typedef struct { uint64_t from; uint32_t to, bytes, group; int lane; } Copy;

typedef struct {
    const Kernel *kernel;
    char *shared, *arguments;
    Shadow *shared_shadow;
    uint32_t shared_bytes, dynamic_bytes, launch_era, first_era, era, grid[3], group[3], index[3];
    jmp_buf on_failure;
    int status;
} Block;

struct Warp {
    Block *block;
    char *registers, *local;
    int first_thread, depth, is_waiting, pc;
    uint32_t alive, members; /* Lanes that have not ended; lanes that there are. */
    Path paths[64];
    Copy *copies;
    int copy_count, copy_capacity;
    uint32_t commits[LANES];
    Insn *at;
};

/* Offsets of the registers that every kernel has: thread, group and block indices and sizes, lane, warp, size of the dynamic
   shared memory. */
enum { TID = 0, NTID = 3, CTAID = 6, NCTAID = 9, LANE_ID = 12, WARP_ID = 13, DYNAMIC_BYTES = 14, SPECIALS = 15 };
enum { REGISTER_32 = LANES * 4, REGISTER_64 = LANES * 8 };

typedef struct { const char *name, *operands; Run run; int capability; } Row;

/* An instruction: operands are w (32 bits), q (64 bits), p (predicate), ? (either width), a and A (an address in a register of 32 or 64 bits),
   n (a number). */
#define ROW(id, name, operands, capability) \
    static const Row row_##id __attribute__((section("rows"), used, aligned(8))) = { name, operands, id, capability };

#define AT(type, i) ((type *)(w->registers + in->operands[i]))

/* Every lane of a mask; the loop without a test is one that compilers make vectors of. */
#define EACH_LANE(body) \
    if (mask == ~0u) { _Pragma("GCC ivdep") for (int l = 0; l < LANES; l++) { body; } } \
    else for (uint32_t rest = mask; rest; rest &= rest - 1) { int l = __builtin_ctz(rest); body; }

/* names.c */
typedef struct { char *key; int kind, offset, bits; int64_t value; } Name;
typedef struct { Name *all; int count, capacity; } Names;
enum { REGISTER = 1, PREDICATE, PARAMETER, SHARED, LOCAL, LABEL };
Name *find_name(const Names *names, const char *key);
Name *add_name(Names *names, const char *key, int kind);
void free_names(Names *names);

/* parse.c, flow.c */
Module *parse_module(const char *text, int capability, char *error, int error_bytes);
void free_module(Module *module);
int find_joins(Kernel *kernel);
void fuse_products(Kernel *kernel);
int fuses(void);
void run_branch(Warp *w, Insn *in, uint32_t mask);
void run_end(Warp *w, Insn *in, uint32_t mask);
void run_barrier(Warp *w, Insn *in, uint32_t mask);
extern const Row *row_of(const char *opcode);
Run load_or_store(const char *opcode, Insn *in);

/* memory.c, races.c, launch.c */
char *shared_at(Warp *w, Insn *in, int lane, uint64_t address, int bytes, Shadow **shadow);
typedef enum { READS, WRITES, REWRITES } Touch;
void touch(Warp *w, int lane, Shadow *shadow, int bytes, Touch kind);
enum { COPYING = 0xffffffffu };
void begin_copy(Shadow *shadow, int bytes);
void end_copy(Warp *w, int lane, Shadow *shadow, int bytes);
_Noreturn void fail(Warp *w, int lane, int status, const char *format, ...) __attribute__((format(printf, 4, 5)));
int run_launch(const Kernel *kernel, const uint32_t grid[3], const uint32_t group[3], uint32_t dynamic_bytes, const char *arguments);

/* driver.c, queue.c */
Allocation *allocation_of(uint64_t address);
int add_allocation(void **to, size_t bytes);
int remove_allocation(void *memory);
int queue_copy(void *to, const void *from, size_t bytes);
int queue_fill(void *to, unsigned char value, size_t bytes);
int queue_launch(const Kernel *kernel, const uint32_t grid[3], const uint32_t group[3], uint32_t dynamic_bytes, const char *arguments);
int flush_queue(void);
size_t take_uploaded(void);
void pin(void *memory, size_t bytes);
void unpin(void *memory);
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
