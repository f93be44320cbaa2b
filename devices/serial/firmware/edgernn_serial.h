/* SPDX-License-Identifier: Apache-2.0 */
/* A model behind a serial port. Written by edgernn for one model; the board gives two functions, and calls one. */
#ifndef EDGERNN_SERIAL_H
#define EDGERNN_SERIAL_H

@PROTOCOL@

/* Yours: the next byte that has come, or -1 if none has; and send one, waiting as long as that takes. */
int edgernn_serial_read(void);
void edgernn_serial_write(unsigned char byte);

/* Takes what has come, and answers. Call it again and again. */
void edgernn_serial_poll(void);

#endif
