/* SPDX-License-Identifier: Apache-2.0 */
/* edgernn_matvec_s8s16 for Cortex-M: the DSP extension (M4, M7, M33, M55) and the 16-bit instruction set (M0, M23).
 *
 * Assembly only inside loops, because compilers were measured to be far off there: GCC 12 makes 23 instructions of the
 * first form's 18 and 87 of the second's 72. It takes nearly all registers, so builds without optimization have
 * plain C. If a compiler that must keep a frame pointer too (-fno-omit-frame-pointer) finds the constraints impossible,
 * define EDGERNN_PORTABLE.
 */
#ifndef EDGERNN_MATVEC_S8S16_THUMB_H
#define EDGERNN_MATVEC_S8S16_THUMB_H

#include "edgernn_fixed.h"

/* Within another function, or with its arguments known, which unrolls the loops, too few registers may be left for the
 * assembly: GCC then says that its constraints are impossible. */
#if defined(__clang__)
#define EDGERNN_ALONE __attribute__((noinline))
#else
#define EDGERNN_ALONE __attribute__((noipa))
#endif

#if EDGERNN_ARM_DSP && defined(__thumb2__) && defined(__OPTIMIZE__)

/* Four rows times four columns, 18 instructions for 16 products. LDM takes ascending registers, which intrinsics cannot
 * ask for. r7 and r9 are left to those who reserve them, for frames and for position-independent data. */
#define EDGERNN_GROUP()                                                                           \
  __asm__ volatile(                                                                               \
      "ldmia %[w]!, {r2, r3, r4, r5}\n\t"                                                         \
      "ldrd r6, r8, [%[x]], #8\n\t"                                                               \
      "sxtb16 r12, r2\n\t"                                                                        \
      "sxtb16 r2, r2, ror #8\n\t"                                                                 \
      "smlad %[a0], r12, r6, %[a0]\n\t"                                                           \
      "sxtb16 r12, r3\n\t"                                                                        \
      "smlad %[a0], r2, r8, %[a0]\n\t"                                                            \
      "sxtb16 r3, r3, ror #8\n\t"                                                                 \
      "smlad %[a1], r12, r6, %[a1]\n\t"                                                           \
      "sxtb16 r12, r4\n\t"                                                                        \
      "smlad %[a1], r3, r8, %[a1]\n\t"                                                            \
      "sxtb16 r4, r4, ror #8\n\t"                                                                 \
      "smlad %[a2], r12, r6, %[a2]\n\t"                                                           \
      "sxtb16 r12, r5\n\t"                                                                        \
      "smlad %[a2], r4, r8, %[a2]\n\t"                                                            \
      "sxtb16 r5, r5, ror #8\n\t"                                                                 \
      "smlad %[a3], r12, r6, %[a3]\n\t"                                                           \
      "smlad %[a3], r5, r8, %[a3]"                                                                \
      : [w] "+r"(w), [x] "+r"(column), [a0] "+r"(a0), [a1] "+r"(a1), [a2] "+r"(a2), [a3] "+r"(a3) \
      :                                                                                           \
      : "r2", "r3", "r4", "r5", "r6", "r8", "r12", "memory")

static EDGERNN_ALONE void edgernn_matvec_s8s16(int32_t *acc, const int8_t *w, const int32_t *bias, const int16_t *x,
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

/* With -Os GCC has no use of r8 to r12, and Clang never of r7. */
#elif !defined(__thumb2__) && defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__) && !defined(__clang__)

/* The sums and the address of the column, which are only added to and compared, are in r8 to r12; all else needs r0 to
 * r7. In a file that asks for speed but is compiled with -Os, GCC neither uses nor saves r8 to r11, nor takes them for an
 * operand: they are named then, and the caller's values are put back. */
#ifdef EDGERNN_WAS_FOR_SIZE
#define EDGERNN_A0 "r8"
#define EDGERNN_A1 "r9"
#define EDGERNN_A2 "r10"
#define EDGERNN_A3 "r11"
#define EDGERNN_COLUMN "r12"
#define EDGERNN_BEGIN "mov r12, %[t]\n"
#define EDGERNN_OPERANDS [t] "+&l"(t)
#define EDGERNN_CLOBBERED "r12",
#define EDGERNN_GET_HIGH(a, b, c, d)                                           \
  __asm__ volatile("mov %0, r8\n\tmov %1, r9\n\tmov %2, r10\n\tmov %3, r11" \
                   : "=l"(a), "=l"(b), "=l"(c), "=l"(d))
#define EDGERNN_SET_HIGH(a, b, c, d) \
  __asm__ volatile("mov r8, %0\n\tmov r9, %1\n\tmov r10, %2\n\tmov r11, %3" : : "l"(a), "l"(b), "l"(c), "l"(d))
#else
#define EDGERNN_A0 "%[a0]"
#define EDGERNN_A1 "%[a1]"
#define EDGERNN_A2 "%[a2]"
#define EDGERNN_A3 "%[a3]"
#define EDGERNN_COLUMN "%[column]"
#define EDGERNN_BEGIN
#define EDGERNN_OPERANDS \
  [a0] "+h"(a0), [a1] "+h"(a1), [a2] "+h"(a2), [a3] "+h"(a3), [column] "+h"(column), [t] "=&l"(t)
#define EDGERNN_CLOBBERED
#define EDGERNN_GET_HIGH(a, b, c, d) (void)0
#define EDGERNN_SET_HIGH(a, b, c, d) (void)0
#endif

/* One row: a word has the weights of columns 0, 2, 1, 3. */
#define EDGERNN_ROW(sum)           \
  "ldmia %[w]!, {%[t]}\n\t"        \
  "sxtb %[s], %[t]\n\t"            \
  "muls %[s], %[x0], %[s]\n\t"     \
  "add " sum ", %[s]\n\t"          \
  "lsls %[s], %[t], #16\n\t"       \
  "asrs %[s], %[s], #24\n\t"       \
  "muls %[s], %[x2], %[s]\n\t"     \
  "add " sum ", %[s]\n\t"          \
  "lsls %[s], %[t], #8\n\t"        \
  "asrs %[s], %[s], #24\n\t"       \
  "muls %[s], %[x1], %[s]\n\t"     \
  "add " sum ", %[s]\n\t"          \
  "asrs %[t], %[t], #24\n\t"       \
  "muls %[t], %[x3], %[t]\n\t"     \
  "add " sum ", %[t]\n\t"

static EDGERNN_ALONE void edgernn_matvec_s8s16(int32_t *acc, const int8_t *w, const int32_t *bias, const int16_t *x,
                                               int row_blocks, int column_groups) {
  const int16_t *const end = x + column_groups * 4;
#ifdef EDGERNN_WAS_FOR_SIZE
  int32_t r8, r9, r10, r11; /* the caller's */
  EDGERNN_GET_HIGH(r8, r9, r10, r11);
#endif
  do {
    int32_t a0 = bias[0], a1 = bias[1], a2 = bias[2], a3 = bias[3];
    const int16_t *column = x, *t = x;
    int32_t s, x0, x1, x2, x3;
    EDGERNN_SET_HIGH(a0, a1, a2, a3);
    __asm__ volatile(
        ".syntax unified\n" EDGERNN_BEGIN
        "1:\n\t"
        "mov %[t], " EDGERNN_COLUMN "\n\t"
        "ldr %[x0], [%[t]]\n\t"
        "ldr %[x2], [%[t], #4]\n\t"
        "adds %[t], #8\n\t"
        "mov " EDGERNN_COLUMN ", %[t]\n\t"
        "asrs %[x1], %[x0], #16\n\t"
        "sxth %[x0], %[x0]\n\t"
        "asrs %[x3], %[x2], #16\n\t"
        "sxth %[x2], %[x2]\n\t"
        EDGERNN_ROW(EDGERNN_A0) EDGERNN_ROW(EDGERNN_A1) EDGERNN_ROW(EDGERNN_A2) EDGERNN_ROW(EDGERNN_A3)
        "ldr %[t], %[end]\n\t"
        "cmp " EDGERNN_COLUMN ", %[t]\n\t"
        "bne 1b"
        : EDGERNN_OPERANDS, [w] "+l"(w), [s] "=&l"(s), [x0] "=&l"(x0), [x1] "=&l"(x1), [x2] "=&l"(x2), [x3] "=&l"(x3)
        : [end] "m"(end)
        : EDGERNN_CLOBBERED "cc", "memory");
    EDGERNN_GET_HIGH(a0, a1, a2, a3);
    (void)column;
    acc[0] = a0;
    acc[1] = a1;
    acc[2] = a2;
    acc[3] = a3;
    acc += 4;
    bias += 4;
  } while (--row_blocks);
#ifdef EDGERNN_WAS_FOR_SIZE
  EDGERNN_SET_HIGH(r8, r9, r10, r11);
#endif
}

#else
#define EDGERNN_MATVEC_PLAIN /* Cortex-M3 among them, where C is as good */
#endif
#endif
