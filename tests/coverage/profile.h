/* What LLVM's runtime for coverage offers (compiler-rt's InstrProfiling.h), as far as it is used
 * here. */
#ifndef VMBUILD_TESTS_PROFILE_H
#define VMBUILD_TESTS_PROFILE_H

#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

uint64_t *__llvm_profile_begin_counters(void);
uint64_t *__llvm_profile_end_counters(void);
void __llvm_profile_set_filename(const char *path);
int __llvm_profile_write_file(void);

/* Is added to the address of each counter (-mllvm -runtime-counter-relocation). */
extern intptr_t __llvm_profile_counter_bias;

/* Defined by each program, in place of the part of the runtime that would write a file of its own
 * at the end of each process. */
extern int __llvm_profile_runtime;

/* The number of counters, and of their bytes. */
static inline size_t profile_count(void)
{
    return (size_t)(__llvm_profile_end_counters() - __llvm_profile_begin_counters());
}

static inline size_t profile_size(void)
{
    return profile_count() * sizeof(uint64_t);
}

/* From here on, the program counts in COUNTERS. */
static inline void profile_move(uint64_t *counters)
{
    __llvm_profile_counter_bias = (intptr_t)counters - (intptr_t)__llvm_profile_begin_counters();
}

/* Writes the counters, which were not moved, to the file PATH, and ends. */
__attribute__((noreturn)) static inline void profile_write(const char *path)
{
    __llvm_profile_set_filename(path);
    _exit(__llvm_profile_write_file() == 0 ? 0 : 1);
}

#endif
