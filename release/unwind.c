// The function of glibc by which GCC's unwinder finds the frames of a program, for musl. Without it
// the unwinder aborts where an error records a backtrace (RUST_BACKTRACE).

#define _GNU_SOURCE
#include <link.h>
#include <pthread.h>
#include <stdint.h>

// The unwinder calls these if it finds one of them, and takes them all for present then.
void *const threads[] __attribute__((used)) = {
    pthread_once,       pthread_mutex_lock,  pthread_mutex_unlock,
    pthread_key_create, pthread_getspecific, pthread_setspecific,
};

struct dl_find_object {
    unsigned long long flags;
    void *start, *end;
    struct link_map *map;
    void *frames;
    unsigned long long reserved[7];
};

struct search {
    uintptr_t place;
    struct dl_find_object *found;
};

static int look(struct dl_phdr_info *object, size_t size, void *data)
{
    struct search *search = data;
    int is_inside = 0;
    void *frames = 0;
    (void)size;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        uintptr_t start = object->dlpi_addr + part->p_vaddr;
        if (part->p_type == PT_GNU_EH_FRAME)
            frames = (void *)start;
        if (part->p_type == PT_LOAD && search->place - start < part->p_memsz) {
            is_inside = 1;
            search->found->start = (void *)start;
            search->found->end = (void *)(start + part->p_memsz);
        }
    }
    search->found->frames = frames;
    return is_inside && frames;
}

int _dl_find_object(void *place, struct dl_find_object *found)
{
    struct search search = {(uintptr_t)place, found};
    found->flags = 0;
    found->map = 0;
    return dl_iterate_phdr(look, &search) ? 0 : -1;
}
