/* SPDX-License-Identifier: Apache-2.0 */
/* The UART of Arm's MPS2 boards: Cortex-M System Design Kit Technical Reference Manual, section 4.3. */
#include <stdint.h>

#include "edgernn_serial.h"

typedef struct {
    volatile uint32_t data, state, control, interrupt, divider;
} uart;
#define UART ((uart *)0x40004000u)
enum { STATE_SENDING = 1, STATE_RECEIVED = 2, CONTROL_SEND = 1, CONTROL_RECEIVE = 2 };

int edgernn_serial_read(void) {
    return UART->state & STATE_RECEIVED ? (int)(UART->data & 0xFFu) : -1;
}

void edgernn_serial_write(unsigned char byte) {
    while (UART->state & STATE_SENDING) {
    }
    UART->data = byte;
}

int main(void) {
    UART->divider = 25000000u / 115200u;
    UART->control = CONTROL_SEND | CONTROL_RECEIVE;
    for (;;) edgernn_serial_poll();
}
