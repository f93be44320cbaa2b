/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a model of edgernn on invocations from a file. One of these is compiled for each kind of device.
 *
 *     run_model FOLDER WARMUP RUNS SECONDS CORES
 *
 * FOLDER has the file `input`; `output` and `times` (nanoseconds, 64 bits each) are written there. After
 * SECONDS it ends by SIGALRM. CORES is a mask of the cores to run on, 0 for any. What it measured besides is printed as lines of name=value. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "@NAME@.h"

@TENSORS@
static @NAME@_run_scratch scratch;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t run(const unsigned char *from) {
@READ@    uint64_t start = now();
    @NAME@_run(@ARGUMENTS@, &scratch);
    return now() - start;
}

static int to_core(unsigned long mask) {
    unsigned long words[16] = {mask};
    return sched_setaffinity(0, sizeof words, (const cpu_set_t *)(const void *)words);
}

static FILE *open_in(const char *name, const char *mode) {
    FILE *file = fopen(name, mode);
    if (!file) fail(name);
    return file;
}

static void close_as(FILE *file, const char *part, const char *name) {
    if (fflush(file) || fsync(fileno(file)) || fclose(file)) fail(name);
    if (rename(part, name)) fail(name);
}

int main(int count, char **words) {
    if (count != 6) return 2;
    alarm((unsigned)atol(words[4]));
    if (chdir(words[1])) fail(words[1]);
    long warmup = atol(words[2]), runs = atol(words[3]);
    unsigned long mask = strtoul(words[5], NULL, 0);
    if (mask && to_core(mask)) fail("cores");
    FILE *file = open_in("input", "rb");
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    unsigned char *input = malloc((size_t)size + 1);
    if (!input || fread(input, 1, (size_t)size, file) != (size_t)size) fail("input");
    fclose(file);
    long samples = size / @INPUT_SIZE@;
    if (samples < 1 || size % @INPUT_SIZE@) return 2;
    FILE *output = open_in("output.part", "wb");
    uint64_t first = 0;
    for (long k = 0; k < samples; ++k) {
        uint64_t taken = run(input + k * @INPUT_SIZE@);
        if (k == 0) first = taken;
@WRITE@    }
    close_as(output, "output.part", "output");
    for (long k = 0; k < warmup; ++k) run(input + (k % samples) * @INPUT_SIZE@);
    FILE *times = open_in("times.part", "wb");
    for (long k = 0; k < runs; ++k) {
        uint64_t taken = run(input + (k % samples) * @INPUT_SIZE@);
        if (fwrite(&taken, sizeof taken, 1, times) != 1) fail("times");
    }
    close_as(times, "times.part", "times");
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("runtime=C, %s\ncold_start_ns=%llu\nrss_kib=%ld\n", __VERSION__, (unsigned long long)first, usage.ru_maxrss);
    return 0;
}
