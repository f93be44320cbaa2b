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
 */
#ifndef EDGERNN_MATVEC_S8S16_H
#define EDGERNN_MATVEC_S8S16_H

#include "edgernn_fixed.h"

#if defined(__AVX2__)
#include "edgernn_matvec_s8s16_x86.h"
#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
#include "edgernn_matvec_s8s16_neon.h"
#elif EDGERNN_ARM_DSP && defined(__thumb2__) && !defined(__ARM_BIG_ENDIAN)

/* Four rows times four columns, 18 instructions. Compilers given the intrinsics load word by word and need 22 or more;
 * LDM takes ascending registers, which only assembly can ask for. r7 and r9 are left to those who reserve them. */
#define EDGERNN_GROUP()                                                                      \
  __asm__ volatile(                                                                          \
      "ldmia %[w]!, {r2, r3, r4, r5}\n\t"                                                    \
      "ldrd r6, r8, [%[x]], #8\n\t"                                                          \
      "sxtb16 r12, r2\n\t"                                                                   \
      "sxtb16 r2, r2, ror #8\n\t"                                                            \
      "smlad %[a0], r12, r6, %[a0]\n\t"                                                      \
      "sxtb16 r12, r3\n\t"                                                                   \
      "smlad %[a0], r2, r8, %[a0]\n\t"                                                       \
      "sxtb16 r3, r3, ror #8\n\t"                                                            \
      "smlad %[a1], r12, r6, %[a1]\n\t"                                                      \
      "sxtb16 r12, r4\n\t"                                                                   \
      "smlad %[a1], r3, r8, %[a1]\n\t"                                                       \
      "sxtb16 r4, r4, ror #8\n\t"                                                            \
      "smlad %[a2], r12, r6, %[a2]\n\t"                                                      \
      "sxtb16 r12, r5\n\t"                                                                   \
      "smlad %[a2], r4, r8, %[a2]\n\t"                                                       \
      "sxtb16 r5, r5, ror #8\n\t"                                                            \
      "smlad %[a3], r12, r6, %[a3]\n\t"                                                      \
      "smlad %[a3], r5, r8, %[a3]"                                                           \
      : [w] "+r"(w), [x] "+r"(column), [a0] "+r"(a0), [a1] "+r"(a1), [a2] "+r"(a2), [a3] "+r"(a3) \
      :                                                                                      \
      : "r2", "r3", "r4", "r5", "r6", "r8", "r12", "memory")

static inline void edgernn_matvec_s8s16(int32_t *acc, const int8_t *w, const int32_t *bias, const int16_t *x,
                                        int row_blocks, int column_groups) {
  const int16_t *const pairs = x + (column_groups & ~1) * 4;
  do {
    int32_t a0 = bias[0], a1 = bias[1], a2 = bias[2], a3 = bias[3];
    const int16_t *column = x;
    while (column != pairs) {
      EDGERNN_GROUP();
      EDGERNN_GROUP();
    }
    if (column_groups & 1) EDGERNN_GROUP();
    acc[0] = a0;
    acc[1] = a1;
    acc[2] = a2;
    acc[3] = a3;
    acc += 4;
    bias += 4;
  } while (--row_blocks);
}

#else

static inline void edgernn_matvec_s8s16(int32_t *acc, const int8_t *w, const int32_t *bias, const int16_t *x,
                                        int row_blocks, int column_groups) {
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
