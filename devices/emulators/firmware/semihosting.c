/* SPDX-License-Identifier: Apache-2.0 */
/* Input, output and report are files in the folder in which the emulator was started. */
#include "semihosting.h"

#include <string.h>

#include "board.h"
#include "edgernn_emulator.h"

/* Operations of "Semihosting for AArch32 and AArch64", Arm IHI 0100 (RISC-V Semihosting adopts them). */
enum { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT_EXTENDED = 0x20 };
enum { READ_BINARY = 1, WRITE_BINARY = 5 };
enum { APPLICATION_EXIT = 0x20026 };

/* Plus one, so that zero, which memory starts with, means that the file is not open yet. */
static uintptr_t input, output, report;

static uintptr_t opened(uintptr_t *file, const char *name, uintptr_t mode) {
    if (*file == 0) {
        const uintptr_t block[3] = {(uintptr_t)name, mode, strlen(name)};
        *file = semihosting_call(SYS_OPEN, block) + 1;
        if (*file == 0) {
            semihosting_exit(125);
        }
    }
    return *file - 1;
}

static size_t transfer(uintptr_t operation, uintptr_t file, const void *bytes, size_t count) {
    const uintptr_t block[3] = {file, (uintptr_t)bytes, count};
    return count - semihosting_call(operation, block); /* the answer is the number of bytes not transferred */
}

size_t edgernn_emulator_read(void *bytes, size_t count) {
    return transfer(SYS_READ, opened(&input, "input", READ_BINARY), bytes, count);
}

void edgernn_emulator_write(const void *bytes, size_t count) {
    transfer(SYS_WRITE, opened(&output, "output", WRITE_BINARY), bytes, count);
}

void board_report(const char *bytes, size_t count) {
    transfer(SYS_WRITE, opened(&report, "report", WRITE_BINARY), bytes, count);
}

_Noreturn void semihosting_exit(int status) {
    const uintptr_t block[2] = {APPLICATION_EXIT, (uintptr_t)status};
    semihosting_call(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}
