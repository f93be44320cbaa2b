/* SPDX-License-Identifier: Apache-2.0 */
/* The product that nearly all of a model's time goes into: int8 weights times int16 numbers, summed in int32.
 *
 *   acc[row] = bias[row] + sum over columns of w[row][column] * x[column]
 *
 * The sums are exact, so that every form below gives the same bits; that they fit 32 bits is proven when the weights
 * are written. Order of the weights: [row block of 4][column group of 4][row of the block][4 bytes], the bytes being
 * columns 0, 2, 1, 3 of the group. A word then holds, in the lower bytes of its halves, the two weights that meet one
 * word of x, and in the upper bytes those that meet the next.
 *
 * acc and bias have 4 * row_blocks entries, x has 4 * column_groups, of which those past the last column meet weights
 * of zero. w and x begin at a multiple of 4 bytes. Both counts are at least 1.
 *
 * The compiler's own macros choose the form; EDGERNN_PORTABLE chooses plain C.
 */
#ifndef EDGERNN_MATVEC_S8S16_H
#define EDGERNN_MATVEC_S8S16_H

#include "edgernn_fixed.h"

#if defined(EDGERNN_PORTABLE)
#define EDGERNN_MATVEC_PLAIN
#elif defined(__AVX512BW__) && defined(__AVX512VNNI__)
#include "edgernn_matvec_s8s16_avx512.h"
#elif defined(__AVX2__) || defined(__SSE2__)
#include "edgernn_matvec_s8s16_x86.h"
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
#include "edgernn_matvec_s8s16_neon.h"
#elif defined(__thumb__) && defined(__GNUC__) && !defined(__ARM_BIG_ENDIAN)
#include "edgernn_matvec_s8s16_thumb.h"
#else
#define EDGERNN_MATVEC_PLAIN
#endif

#ifdef EDGERNN_MATVEC_PLAIN

static inline void edgernn_matvec_s8s16(int32_t *acc, const EDGERNN_FLASH int8_t *w, const EDGERNN_FLASH int32_t *bias,
                                        const int16_t *x, int row_blocks, int column_groups) {
  const int16_t *const end = x + column_groups * 4;
  do {
    int32_t a0 = bias[0], a1 = bias[1], a2 = bias[2], a3 = bias[3];
    const int16_t *column = x;
    do {
      const int32_t x0 = column[0], x1 = column[1], x2 = column[2], x3 = column[3];
      a0 += w[0] * x0 + w[1] * x2 + w[2] * x1 + w[3] * x3;
      a1 += w[4] * x0 + w[5] * x2 + w[6] * x1 + w[7] * x3;
      a2 += w[8] * x0 + w[9] * x2 + w[10] * x1 + w[11] * x3;
      a3 += w[12] * x0 + w[13] * x2 + w[14] * x1 + w[15] * x3;
      w += 16;
      column += 4;
    } while (column != end);
    acc[0] = a0;
    acc[1] = a1;
    acc[2] = a2;
    acc[3] = a3;
    acc += 4;
    bias += 4;
  } while (--row_blocks);
}

#endif
#endif
