// The symbols that a libstdc++ and a libgcc_s for glibc need and musl lacks. With this library in the place of glibc's loader, a program
// for musl can use them where there is no libstdc++ for musl: scripts/emulation/musl-bun.mjs. For tests only.
#define _GNU_SOURCE
#include <link.h>
#include <locale.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

char __libc_single_threaded = 0;

size_t __strftime_l(char* to, size_t bytes, const char* format, const struct tm* time,
                    locale_t locale) {
  return strftime_l(to, bytes, format, time, locale);
}

uint32_t arc4random(void) {
  uint32_t value;
  if (getrandom(&value, sizeof value, 0) != sizeof value) abort();
  return value;
}

// --- libgcc's own, which it looks up through the loader -------------------------------------------

struct {
  unsigned vendor, type, subtype, features;
} __cpu_model;

int __cpu_indicator_init(void) { return 0; }

// --- destructors of thread_local objects ------------------------------------------------------------

struct destructor {
  void (*run)(void*);
  void* object;
  struct destructor* next;
};

static pthread_key_t destructors;
static pthread_once_t destructors_once = PTHREAD_ONCE_INIT;

static void run_destructors(void* last) {
  for (struct destructor* one = last; one != NULL;) {
    struct destructor* next = one->next;
    one->run(one->object);
    free(one);
    one = next;
  }
}

static void create_destructors(void) {
  if (pthread_key_create(&destructors, run_destructors) != 0) abort();
}

int __cxa_thread_atexit_impl(void (*run)(void*), void* object, void* library) {
  (void)library;
  pthread_once(&destructors_once, create_destructors);
  struct destructor* added = malloc(sizeof *added);
  if (added == NULL) return -1;
  *added = (struct destructor){run, object, pthread_getspecific(destructors)};
  return pthread_setspecific(destructors, added);
}

// --- the tables for unwinding ------------------------------------------------------------------------

// dl_find_object of glibc.
struct found_object {
  unsigned long long flags;
  void* map_start;
  void* map_end;
  void* link_map;
  void* eh_frame;
  unsigned long long reserved[7];
};

struct search {
  uintptr_t address;
  struct found_object* result;
};

static int find_in(struct dl_phdr_info* info, size_t bytes, void* argument) {
  (void)bytes;
  struct search* search = argument;
  uintptr_t begin = UINTPTR_MAX;
  uintptr_t end = 0;
  uintptr_t frames = 0;
  for (int index = 0; index < info->dlpi_phnum; index++) {
    const ElfW(Phdr)* header = &info->dlpi_phdr[index];
    const uintptr_t from = info->dlpi_addr + header->p_vaddr;
    if (header->p_type == PT_GNU_EH_FRAME) frames = from;
    if (header->p_type != PT_LOAD) continue;
    if (from < begin) begin = from;
    if (from + header->p_memsz > end) end = from + header->p_memsz;
  }
  if (search->address < begin || search->address >= end || frames == 0) return 0;
  *search->result = (struct found_object){
      .map_start = (void*)begin, .map_end = (void*)end, .eh_frame = (void*)frames};
  return 1;
}

int _dl_find_object(void* address, struct found_object* result) {
  struct search search = {(uintptr_t)address, result};
  return dl_iterate_phdr(find_in, &search) == 1 ? 0 : -1;
}
