/* SPDX-License-Identifier: Apache-2.0 */
/* Answers lines of numbers with lines of JSON, from standard input to standard output. One of these is compiled for each
 * kind of device.
 *
 * A line holds the numbers of a frame, or of a whole hop; of a model that is no stream, those of a window; commas, blanks
 * and brackets separate them. `reset` begins anew. A line that is none of these is answered by an error. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "@NAME@.h"

#define STREAM @STREAM@
#define HOP @HOP@
#define FRAME @FRAME@       /* numbers */
#define FEATURES @FEATURES@ /* in a row of a frame */
#define WANTED (HOP * FRAME)

typedef struct {
    const char *name;
    int skip, first; /* answers, and elements of the first one, that are not valid yet */
    int rank, shape[4];
} output;

static float real[WANTED];
@TENSORS@
#if STREAM
static @NAME@_step_scratch scratch;
static @NAME@_state state;
#else
static @NAME@_run_scratch scratch;
#endif
static const output outputs[] = {@OUTPUTS@};
enum { OUTPUTS = sizeof outputs / sizeof outputs[0] };

static double clamped(double value, double least, double most) {
    return value < least ? least : value > most ? most : value;
}

static int differs(const float *row, float from) {
    for (int i = 0; i < FEATURES; ++i)
        if (row[i] != from) return 1;
    return 0;
}

/* One call of the model, from `real` to the outputs' numbers. */
static void invoke(void) {
@READ@#if STREAM
    @NAME@_step(&state, @ARGUMENTS@, &scratch);
#else
    @NAME@_run(@ARGUMENTS@, &scratch);
#endif
@REAL@}

static const float *print_array(const float *value, const int *shape, int rank) {
    if (rank == 0) {
        if (isfinite(*value)) printf("%.9g", (double)*value);
        else printf("null");
        return value + 1;
    }
    for (int i = 0; i < shape[0]; ++i) {
        printf(i ? ", " : "[");
        value = print_array(value, shape + 1, rank - 1);
    }
    putchar(']');
    return value;
}

static void print_output(const output *each, const float *value, int first) {
    int shape[4];
    memcpy(shape, each->shape, sizeof shape);
    int row = 1;
    for (int k = 1; k < each->rank; ++k) row *= shape[k];
    shape[0] -= first;
    print_array(value + first * row, shape, each->rank);
}

static long steps, lines;
static int waiting;

static void begin(void) {
#if STREAM
    @NAME@_reset(&state);
#endif
    steps = lines = 0;
    waiting = 0;
}

static void answer(void) {
    invoke();
    ++steps;
    int valid = 0;
    for (int k = 0; k < OUTPUTS; ++k) {
        if (steps <= outputs[k].skip) continue;
        if (!valid++) printf(OUTPUTS > 1 ? "{\"%s\": %ld, \"outputs\": {" : "{\"%s\": %ld, \"output\": ", STREAM ? "frame" : "window", lines - 1);
        else printf(", ");
        if (OUTPUTS > 1) printf("\"%s\": ", outputs[k].name);
        print_output(&outputs[k], reals[k], steps == outputs[k].skip + 1 ? outputs[k].first : 0);
    }
    if (valid) printf(OUTPUTS > 1 ? "}}\n" : "}\n");
}

/* Numbers of a line, the first ones of them in `into`; -1 if something else is there. */
static int numbers_in(char *line, float *into, int room) {
    int count = 0;
    for (char *at = line;;) {
        at += strspn(at, "[],; \t\r\n");
        if (!*at) return count;
        char *end;
        float value = strtof(at, &end);
        if (end == at || !strchr("[],; \t\r\n", *end) || !isfinite(value)) return -1;
        if (count < room) into[count] = value;
        ++count;
        at = end;
    }
}

int main(void) {
    static char line[32 * (WANTED + 2)];
    static float found[WANTED];
    begin();
    for (long number = 1; fgets(line, sizeof line, stdin); ++number) {
        int whole = strchr(line, '\n') != NULL || feof(stdin);
        while (!strchr(line, '\n') && fgets(line, sizeof line, stdin)) {} /* what is left of a line that is too long */
        if (whole && !line[strspn(line, " \t\r\n")]) continue;
        if (whole && strncmp(line, "reset", 5) == 0 && !line[5 + strspn(line + 5, " \t\r\n")]) {
            begin();
            printf("{\"reset\": true}\n");
            fflush(stdout);
            continue;
        }
        int count = whole ? numbers_in(line, found, WANTED) : -1;
        if (count < 0) {
            printf("{\"line\": %ld, \"error\": \"must be numbers, finite ones.\"}\n", number);
        } else if (count == WANTED && waiting == 0) {
            memcpy(real, found, sizeof real);
            lines += HOP;
            answer();
        } else if (count == FRAME) {
            memcpy(real + waiting, found, FRAME * sizeof *real);
            waiting += FRAME;
            ++lines;
            if (waiting == WANTED) {
                waiting = 0;
                answer();
            }
        } else {
            printf("{\"line\": %ld, \"error\": \"must be %d", number, FRAME);
            if (HOP > 1) printf(" or %d", WANTED);
            printf(" numbers. Found: %d.\"}\n", count);
        }
        if (fflush(stdout)) return 0; /* nobody listens any more */
    }
    return 0;
}
