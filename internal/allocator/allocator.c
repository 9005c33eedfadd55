//go:build cgo && linux && !asan && !msan

// See doc.go. Blocks come in classes of size, eight for each doubling, so that at
// most an eighth of a block is lost. All are at multiples of 4 KiB, where glibc
// has hardly any of its own, so that free needs to look up few addresses.

#define _GNU_SOURCE
#include <stdlib.h> // says whether this is glibc

#ifndef __GLIBC__
size_t skinattn_allocator_mapped(void) { return 0; }
#else

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

enum {
	PAGE = 4096,
	SMALLEST_SHIFT = 15, // blocks from 32 KiB on are ours
	CLASSES = 8 * 26,    // up to 2 TiB
	TABLE = 1 << 16,     // slots for blocks, a power of two
	RECENT = 16,         // how many large blocks may be asked for before a free one counts as old
	PATIENCE_MS = 20,
};
#define SMALLEST ((size_t)1 << SMALLEST_SHIFT)
#define HUGE_PAGE ((size_t)2 << 20) // from here on a block has a mapping of its own
#define REGION ((size_t)64 << 20)   // what smaller ones are cut from
#define LARGE ((size_t)64 << 20)    // from here on old free blocks are given back
#define VAST ((size_t)256 << 20)    // from here on a block is waited for

typedef struct block {
	char *start; // NULL: an empty slot. A block that was given back keeps its place, for the search.
	size_t size;
	int class;
	int mapped, used;
	uint64_t last; // number of large blocks asked for when it was last in use
	struct block *next; // free block of the same class
} block;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t freed = PTHREAD_COND_INITIALIZER;
static block table[TABLE];
static int slots;                 // of the table that are taken
static block *free_blocks[CLASSES];
static int used_blocks[CLASSES];
static char *region;
static size_t region_left;
static size_t total;
static uint64_t asked;

// class_of rounds a size up to that of its class.
static int class_of(size_t *size) {
	size_t n = *size < SMALLEST ? SMALLEST : *size;
	int shift = 63 - __builtin_clzl(n) - 3;
	n = (n + ((size_t)1 << shift) - 1) >> shift << shift;
	if (n > HUGE_PAGE) n = (n + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
	*size = n;
	shift = 63 - __builtin_clzl(n) - 3;
	return (shift + 3 - SMALLEST_SHIFT) * 8 + (int)((n >> shift) & 7);
}

// slot_of finds the slot of a block that starts at p, or an empty one.
static block *slot_of(const char *p) {
	size_t i = ((uintptr_t)p / PAGE * 0x9E3779B97F4A7C15ull) >> 48 & (TABLE - 1);
	while (table[i].start != NULL && table[i].start != p) i = (i + 1) & (TABLE - 1);
	return &table[i];
}

// map asks the system for memory at a multiple of a huge page.
static char *map(size_t size) {
	char *all = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED) return NULL;
	char *start = (char *)(((uintptr_t)all + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
	if (start > all) munmap(all, start - all);
	munmap(start + size, all + HUGE_PAGE - start);
	madvise(start, size, MADV_HUGEPAGE);
	total += size;
	return start;
}

// give_back_old unmaps large free blocks that nobody asked for in a while.
static void give_back_old(void) {
	for (int c = 0; c < CLASSES; c++) {
		for (block **at = &free_blocks[c]; *at != NULL;) {
			block *b = *at;
			if (b->size < LARGE || asked - b->last < RECENT) {
				at = &b->next;
				continue;
			}
			*at = b->next;
			munmap(b->start, b->size);
			total -= b->size;
			b->mapped = 0;
		}
	}
}

// wait_for lets a block of a class come back. The working memory of one step
// is freed a moment after the step's results are there, when the next may
// have begun: with a little patience two do with the memory of one.
static void wait_for(int class) {
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += PATIENCE_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	while (free_blocks[class] == NULL && used_blocks[class] > 0)
		if (pthread_cond_timedwait(&freed, &lock, &until) != 0) return;
}

static char *fresh(size_t size) {
	if (size >= HUGE_PAGE) {
		if (size >= LARGE) give_back_old();
		return map(size);
	}
	size = (size + PAGE - 1) & ~(size_t)(PAGE - 1);
	if (region_left < size) { // the rest of the old region is lost: less than a block
		char *start = map(REGION);
		if (start == NULL) return NULL;
		region = start;
		region_left = REGION;
	}
	char *start = region;
	region += size;
	region_left -= size;
	return start;
}

// take gives a block, or NULL.
static void *take(size_t size) {
	if (size > (size_t)1 << 40) return NULL;
	int class = class_of(&size);
	char *start = NULL;
	pthread_mutex_lock(&lock);
	if (size >= LARGE) asked++;
	if (size >= VAST && free_blocks[class] == NULL) wait_for(class);
	block *b = free_blocks[class];
	if (b != NULL) {
		free_blocks[class] = b->next;
	} else if (slots < TABLE / 4 * 3 && (start = fresh(size)) != NULL) {
		b = slot_of(start);
		if (b->start == NULL) slots++;
		b->start = start;
		b->size = size;
		b->class = class;
		b->mapped = 1;
	}
	if (b != NULL) {
		b->used = 1;
		b->last = asked;
		used_blocks[class]++;
		start = b->start;
	}
	pthread_mutex_unlock(&lock);
	return start;
}

// find gives the block that starts at p if it is ours and in use. The caller holds the lock.
static block *find(void *p) {
	block *b = slot_of(p);
	return b->start != NULL && b->mapped && b->used ? b : NULL;
}

static int may_be_ours(void *p) { return p != NULL && (uintptr_t)p % PAGE == 0; }

// size_of is the size of one of our blocks, 0 for others.
static size_t size_of(void *p) {
	if (!may_be_ours(p)) return 0;
	pthread_mutex_lock(&lock);
	block *b = find(p);
	size_t size = b == NULL ? 0 : b->size;
	pthread_mutex_unlock(&lock);
	return size;
}

void *malloc(size_t size) {
	void *p = size >= SMALLEST ? take(size) : NULL;
	return p != NULL ? p : __libc_malloc(size);
}

void free(void *p) {
	if (may_be_ours(p)) {
		pthread_mutex_lock(&lock);
		block *b = find(p);
		if (b != NULL) {
			b->used = 0;
			b->last = asked;
			b->next = free_blocks[b->class];
			free_blocks[b->class] = b;
			used_blocks[b->class]--;
			if (b->size >= VAST) pthread_cond_broadcast(&freed);
		}
		pthread_mutex_unlock(&lock);
		if (b != NULL) return;
	}
	__libc_free(p);
}

void *calloc(size_t count, size_t size) { return __libc_calloc(count, size); }

void *realloc(void *p, size_t size) {
	size_t old = size_of(p);
	if (old == 0) return __libc_realloc(p, size);
	if (size == 0) {
		free(p);
		return NULL;
	}
	void *moved = malloc(size);
	if (moved == NULL) return NULL;
	memcpy(moved, p, old < size ? old : size);
	free(p);
	return moved;
}

void *memalign(size_t alignment, size_t size) {
	void *p = size >= SMALLEST && alignment <= PAGE ? take(size) : NULL;
	return p != NULL ? p : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **result, size_t alignment, size_t size) {
	if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
	void *p = memalign(alignment, size);
	if (p == NULL) return ENOMEM;
	*result = p;
	return 0;
}

void *valloc(size_t size) { return memalign(PAGE, size); }

void *pvalloc(size_t size) { return memalign(PAGE, (size + PAGE - 1) & ~(size_t)(PAGE - 1)); }

size_t malloc_usable_size(void *p) {
	size_t size = size_of(p);
	if (size != 0 || p == NULL) return size;
	static size_t (*libc)(void *);
	if (libc == NULL) libc = (size_t(*)(void *))dlsym(RTLD_NEXT, "malloc_usable_size");
	return libc(p);
}

size_t skinattn_allocator_mapped(void) {
	pthread_mutex_lock(&lock);
	size_t bytes = total;
	pthread_mutex_unlock(&lock);
	return bytes;
}

#endif
