/* The driver's calls, and those of cuBLAS, which computes nothing. Without STAND_IN_EXECUTES launches do nothing either; with it, it is the compute
   capability (70, 80, 90), and kernels run, products fused with sums unless STAND_IN_FUSES is 0. STAND_IN_FAILS names calls that fail, and how: cuMemAlloc_v2=2,cuCtxDestroy_v2=700.
   STAND_IN_COUNTS names a file for a line a call that waits, where kernels run: its name, and the bytes that were copied to the device since the line before. */
#include "device.h"
#include <pthread.h>

static pthread_mutex_t s_lock = PTHREAD_MUTEX_INITIALIZER;
/* By address; never moved, as instructions remember which one they hit last. */
static Allocation s_allocations[1 << 16];
static int s_count, s_status, s_capability;
static char s_complaint[1024];

void complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(s_complaint, sizeof s_complaint, format, arguments);
    va_end(arguments);
    if (!s_capability) fprintf(stderr, "stand-in: %s\n", s_complaint);
}

/* For tests in whose process it is loaded: the capability, and what was wrong last. */
void stand_in_execute(int capability) { s_capability = capability; }
const char *stand_in_complaint(void) { return s_complaint; }

static int capability(void) {
    const char *text = getenv("STAND_IN_EXECUTES");
    return s_capability ? s_capability : text ? atoi(text) : 0;
}

int fuses(void) {
    const char *text = getenv("STAND_IN_FUSES");
    return !text || strcmp(text, "0");
}

/* The first allocation that ends beyond an address. */
static int index_of(const char *address) {
    int low = 0, high = s_count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (s_allocations[middle].end > address) high = middle; else low = middle + 1;
    }
    return low;
}

Allocation *allocation_of(uint64_t address) {
    int i = index_of((char *)address);
    return i < s_count && s_allocations[i].start <= (char *)address ? &s_allocations[i] : NULL;
}

int add_allocation(void **to, size_t bytes) {
    /* Something lies between two, so that no access reaches from one into the next. */
    char *memory = aligned_alloc(256, (bytes + 511) / 256 * 256);
    Shadow *shadow = calloc(bytes / 4 + 1, sizeof(Shadow));
    if (!bytes) return INVALID_VALUE;
    if (!memory || !shadow || s_count == sizeof s_allocations / sizeof *s_allocations) return OUT_OF_MEMORY;
    memset(memory, 0xff, bytes);
    int i = index_of(memory);
    memmove(&s_allocations[i + 1], &s_allocations[i], (s_count++ - i) * sizeof(Allocation));
    s_allocations[i] = (Allocation){ memory, memory + bytes, shadow };
    *to = memory;
    return OK;
}

int remove_allocation(void *memory) {
    Allocation *hit = allocation_of((uint64_t)memory);
    if (!hit || hit->start != memory) return INVALID_VALUE;
    free(hit->start);
    free(hit->shadow);
    memmove(hit, hit + 1, (&s_allocations[--s_count] - hit) * sizeof(Allocation));
    s_allocations[s_count] = (Allocation){ 0 };
    return OK;
}

static int fails(const char *name) {
    const char *all = getenv("STAND_IN_FAILS"), *at = all ? strstr(all, name) : 0;
    return at && at[strlen(name)] == '=' ? atoi(at + strlen(name) + 1) : s_status;
}

static int leave(int status) {
    pthread_mutex_unlock(&s_lock);
    return status;
}

static void count_wait(const char *name) {
    static FILE *file;
    const char *path = getenv("STAND_IN_COUNTS");
    if (path && *path && (file || (file = fopen(path, "w")))) {
        fprintf(file, "%s %zu\n", name, take_uploaded());
        fflush(file);
    }
}

/* An error of a kernel is the answer to every later call. */
static int wait_for_work(const char *name) {
    int status = flush_queue();
    count_wait(name);
    if (status) s_status = status;
    return status;
}

#define CALL(signature, does_nothing, ...) int signature { \
    int status; \
    pthread_mutex_lock(&s_lock); \
    if ((status = fails(__func__))) return leave(status); \
    if (capability()) { __VA_ARGS__; } else { does_nothing; } \
    return leave(status); }
#define OR_DO(signature, body) CALL(signature, body, body)
#define DOES_NOTHING(name) OR_DO(name(void), )
#define WAITS(name) CALL(name(void), , status = wait_for_work(__func__))

int cuGetErrorString(int status, const char **text) {
    *text = status == OUT_OF_MEMORY ? "out of memory" : status == NO_DEVICE ? "no CUDA-capable device is detected"
        : status == ILLEGAL_ADDRESS ? "an illegal memory access was encountered"
        : status == DRIVER_MISMATCH ? "system has unsupported display driver / cuda driver combination" : "the driver\nrefuses.";
    return OK;
}

/* NULL for those that it does not know. */
int cuGetErrorName(int status, const char **text) {
    *text = status == NO_DEVICE ? "CUDA_ERROR_NO_DEVICE" : status == DRIVER_MISMATCH ? "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH" : NULL;
    return *text ? OK : INVALID_VALUE;
}

/* 75 and 76 are the compute capability, 10 the lanes of a warp, 16 the multiprocessors, 8 the shared memory of a group, 97 what a group may ask for;
   others are sizes that any device has. */
static int attribute_of(int attribute) {
    int sm = capability() ? capability() : 80;
    switch (attribute) {
        case 75: return sm / 10;
        case 76: return sm % 10;
        case 10: return LANES;
        case 16: return 2;
        case 8: return USUAL_SHARED;
        case 97: return (sm >= 90 ? 227 : sm >= 80 ? 163 : 96) << 10;
        default: return 1024;
    }
}

OR_DO(cuDriverGetVersion(int *version), *version = 12040)
OR_DO(cuDeviceGetCount(int *count), *count = 1)
OR_DO(cuDeviceGet(int *device, int number), *device = number)
OR_DO(cuDeviceGetName(char *name, int length, int device), snprintf(name, length, "Stand-in"))
OR_DO(cuDeviceTotalMem_v2(size_t *bytes, int device), *bytes = 1ull << 30)
OR_DO(cuDeviceGetAttribute(int *value, int attribute, int device), *value = attribute_of(attribute))
OR_DO(cuCtxCreate_v2(void **context, int flags, int device), *context = malloc(1))
OR_DO(cuCtxGetSharedMemConfig(int *value), *value = 0)
OR_DO(cuCtxGetCacheConfig(int *value), *value = 0)
OR_DO(cuMemHostGetDevicePointer_v2(void **to, void *host, int flags), *to = host)
DOES_NOTHING(cuInit) DOES_NOTHING(cuCtxSetCurrent) DOES_NOTHING(cuEventCreate) DOES_NOTHING(cuEventDestroy_v2)
WAITS(cuCtxSynchronize) WAITS(cuStreamSynchronize)

/* Contexts after this one work again. */
static int destroy(void) {
    int status = wait_for_work(__func__);
    s_status = OK;
    return status;
}
int cuCtxDestroy_v2(void) {
    pthread_mutex_lock(&s_lock);
    int status = fails(__func__), waited = capability() ? destroy() : OK;
    return leave(status ? status : waited);
}

CALL(cuMemAlloc_v2(void **to, size_t bytes), *to = calloc(1, bytes), status = add_allocation(to, bytes))
CALL(cuMemFree_v2(void *memory), free(memory), if (!(status = wait_for_work(__func__))) status = remove_allocation(memory))
CALL(cuMemHostRegister_v2(void *memory, size_t bytes, int flags), , pin(memory, bytes))
CALL(cuMemHostUnregister(void *memory), , status = wait_for_work(__func__); unpin(memory))
CALL(cuMemcpyAsync(void *to, void *from, size_t bytes, void *stream), memcpy(to, from, bytes), status = queue_copy(to, from, bytes))
CALL(cuMemsetD8Async(void *to, unsigned char value, size_t bytes, void *stream), memset(to, value, bytes), status = queue_fill(to, value, bytes))

static int load(void **module, const char *text) {
    char error[1024];
    *module = parse_module(text, capability(), error, sizeof error);
    if (!*module) complain("%s", error);
    return *module ? OK : INVALID_PTX;
}

static int find(void **function, const Module *module, const char *name) {
    for (int i = 0; i < module->count; i++)
        if (!strcmp(module->kernels[i].name, name)) { *function = &module->kernels[i]; return OK; }
    return NOT_FOUND;
}

static int unload(Module *module) {
    int status = wait_for_work(__func__);
    free_module(module);
    return status;
}

CALL(cuModuleLoadDataEx(void **module, char *text, int count, void *options, void *values), *module = malloc(1), status = load(module, text))
CALL(cuModuleGetFunction(void **function, void *module, char *name), *function = module, status = find(function, module, name))
CALL(cuModuleUnload(void *module), , status = unload(module))

/* 8 is the most dynamic shared memory. */
static int set_attribute(Kernel *kernel, int attribute, int value) {
    if (attribute != 8 || value < 0 || value + kernel->shared_bytes > attribute_of(97)) return INVALID_VALUE;
    kernel->dynamic_limit = value;
    return OK;
}
CALL(cuFuncSetAttribute(void *function, int attribute, int value), , status = set_attribute(function, attribute, value))

static int launch(const Kernel *kernel, const uint32_t grid[3], const uint32_t group[3], uint32_t dynamic_bytes, void **parameters, void **extra) {
    char arguments[4096];
    uint64_t threads = (uint64_t)group[0] * group[1] * group[2];
    int limit = kernel->dynamic_limit > USUAL_SHARED - kernel->shared_bytes && kernel->dynamic_limit == USUAL_SHARED ? USUAL_SHARED - kernel->shared_bytes : kernel->dynamic_limit;
    const char *wrong = !grid[0] || !grid[1] || !grid[2] || grid[0] > INT32_MAX || grid[1] > 65535 || grid[2] > 65535 ? "the grid"
        : !threads || threads > (uint64_t)kernel->group_limit || threads > MOST_THREADS ? "the group"
        : (int64_t)dynamic_bytes > limit ? "the dynamic shared memory" : kernel->parameter_bytes > (int)sizeof arguments ? "the parameters" : NULL;
    if (parameters) {
        for (int i = 0; i < kernel->parameter_count; i++) memcpy(arguments + kernel->parameters[i].offset, parameters[i], kernel->parameters[i].bytes);
    } else {
        /* CU_LAUNCH_PARAM_BUFFER_POINTER, …_SIZE and …_END. */
        size_t bytes = 0;
        for (int i = 0; extra && extra[i]; i += 2) {
            if (extra[i] == (void *)1) memcpy(arguments, extra[i + 1], kernel->parameter_bytes);
            if (extra[i] == (void *)2) bytes = *(size_t *)extra[i + 1];
        }
        if (!wrong && (bytes < (size_t)kernel->parameter_bytes || bytes >= (size_t)kernel->parameter_bytes + 8)) wrong = "the size of the parameters";
    }
    if (wrong) {
        complain("%s: a launch of (%u, %u, %u) × (%u, %u, %u) with %u bytes of shared memory: %s is not what it takes", kernel->name, grid[0], grid[1],
            grid[2], group[0], group[1], group[2], dynamic_bytes, wrong);
        return INVALID_VALUE;
    }
    return queue_launch(kernel, grid, group, dynamic_bytes, arguments);
}
CALL(cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void *stream,
    void **parameters, void **extra), ,
    status = launch(function, (uint32_t[]){ gx, gy, gz }, (uint32_t[]){ bx, by, bz }, shared, parameters, extra))

OR_DO(cublasCreate_v2(void **handle), *handle = malloc(1))
DOES_NOTHING(cublasDestroy_v2) DOES_NOTHING(cublasSetStream_v2) DOES_NOTHING(cublasGemmEx)
