/* Names of a kernel: a table with open addressing. */
#include "device.h"

static uint32_t hash_of(const char *key) {
    uint32_t hash = 2166136261u;
    for (; *key; key++) hash = (hash ^ (unsigned char)*key) * 16777619u;
    return hash;
}

static Name *slot_of(Name *all, int capacity, const char *key) {
    uint32_t at = hash_of(key);
    while (all[at % capacity].key && strcmp(all[at % capacity].key, key)) at++;
    return &all[at % capacity];
}

Name *find_name(const Names *names, const char *key) {
    if (!names->capacity) return NULL;
    Name *slot = slot_of(names->all, names->capacity, key);
    return slot->key ? slot : NULL;
}

/* NULL where the name is taken. */
Name *add_name(Names *names, const char *key, int kind) {
    if (2 * names->count >= names->capacity) {
        int capacity = names->capacity ? 2 * names->capacity : 1024;
        Name *all = calloc(capacity, sizeof(Name));
        for (int i = 0; i < names->capacity; i++)
            if (names->all[i].key) *slot_of(all, capacity, names->all[i].key) = names->all[i];
        free(names->all);
        names->all = all;
        names->capacity = capacity;
    }
    Name *slot = slot_of(names->all, names->capacity, key);
    if (slot->key) return NULL;
    slot->key = strdup(key);
    slot->kind = kind;
    names->count++;
    return slot;
}

void free_names(Names *names) {
    for (int i = 0; i < names->capacity; i++) free(names->all[i].key);
    free(names->all);
    *names = (Names){ 0 };
}
