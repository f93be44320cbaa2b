/* SPDX-License-Identifier: Apache-2.0 */
/* Files and exit through the emulator, by the instruction that the processor has for it. */
#ifndef EDGERNN_SEMIHOSTING_H
#define EDGERNN_SEMIHOSTING_H

#include <stdint.h>

/* One operation of the Arm semihosting specification, which RISC-V shares; `block` points to its arguments. */
uintptr_t semihosting_call(uintptr_t operation, const void *block);

_Noreturn void semihosting_exit(int status);

#endif
